"""Faults of our own code, as texts for logs, metrics and dead letters: type and place, never contents.

The message of an exception may quote an event (``KeyError: 'bob@example.com'``); its type and the place in
the code do not.
"""

from __future__ import annotations

import errno
import os
import socket
import ssl
import traceback
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType

_PACKAGE = Path(__file__).parent
_MOST_FRAMES = 30
"""Frames that a log line shows; recursion makes thousands."""
_MOST_ERRORS = 3
"""Errors of the system that one text shows: one for each address that was tried."""
_NAMES_OF_LOOKUP = {
    number: name
    for name in dir(socket)
    if name.startswith("EAI_") and isinstance(number := getattr(socket, name), int)
}


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


def system_error(error: BaseException) -> str:
    """Return what the operating system or TLS said, as ``Connection refused (ECONNREFUSED)``; else nothing.

    HTTP clients raise errors of their own over it, which say less. Made of error numbers and OpenSSL's words
    alone, so it holds nothing of a request or an answer.
    """
    said = dict.fromkeys(filter(None, map(_in_words, _beneath(error))))
    return "; ".join(list(said)[:_MOST_ERRORS])


def _beneath(error: BaseException) -> Iterator[BaseException]:
    """Yield the error and all that it came of, each once."""
    waiting, seen = [error], set[int]()
    while waiting:
        one = waiting.pop(0)
        if id(one) in seen:
            continue
        seen.add(id(one))
        yield one
        waiting += [other for other in (one.__cause__, one.__context__) if other is not None]
        if isinstance(one, BaseExceptionGroup):
            waiting += one.exceptions


def _in_words(error: BaseException) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"the certificate is not trusted: {error.verify_message}"
    if isinstance(error, ssl.SSLError):
        return f"TLS failed: {(getattr(error, 'reason', None) or 'unknown').replace('_', ' ').lower()}"
    if isinstance(error, socket.gaierror):
        name = _NAMES_OF_LOOKUP.get(error.errno or 0, "EAI")
        return f"{error.strerror or 'the name cannot be looked up'} ({name})"
    number = error.errno if isinstance(error, OSError) else None
    if number is not None and number in errno.errorcode:
        return f"{os.strerror(number)} ({errno.errorcode[number]})"
    return ""


def _shown(name: str) -> str:
    path = Path(name)
    return path.relative_to(_PACKAGE).as_posix() if path.is_relative_to(_PACKAGE) else f"<{path.name}>"
