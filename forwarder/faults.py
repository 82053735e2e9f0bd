"""Faults of our own code, as texts for logs, metrics and dead letters: type and place, never contents.

The message of an exception may quote an event (``KeyError: 'bob@example.com'``); its type and the place in
the code do not.
"""

from __future__ import annotations

import traceback
from pathlib import Path
from types import TracebackType

_PACKAGE = Path(__file__).parent
_MOST_FRAMES = 30
"""Frames that a log line shows; recursion makes thousands."""


def fault_of(error: BaseException) -> str:
    """Return type and innermost place in our own code, as ``KeyError at delivery/work.py:41 in sent``."""
    frames = frames_of(error.__traceback__)
    ours = [frame for frame in frames if not frame.startswith(("<", "/", "\\")) and ":" in frame]
    place = (ours or frames or ["an unknown place"])[-1]
    return f"{type(error).__name__} at {place}"


def frames_of(trace: TracebackType | None) -> list[str]:
    """Return the frames of a traceback, outermost first, as ``delivery/work.py:41 in sent``.

    Files outside of the package are shown by their name alone, in angle brackets.
    """
    found = [
        f"{_shown(frame.f_code.co_filename)}:{line} in {frame.f_code.co_name}"
        for frame, line in traceback.walk_tb(trace)
    ]
    return found[-_MOST_FRAMES:]


def _shown(name: str) -> str:
    path = Path(name)
    return path.relative_to(_PACKAGE).as_posix() if path.is_relative_to(_PACKAGE) else f"<{path.name}>"
