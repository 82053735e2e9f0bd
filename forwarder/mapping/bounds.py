"""How long a text may become: directives can double what an event sends again and again."""

from typing import Final

MAX_TEXT: Final = 4_000_000
"""Longest text, in characters; Amplitude takes requests of 1 MB, batches of 20 MB."""


def bounded(size: float) -> None:
    """Raise ValueError if a text of this many characters is too long."""
    if size > MAX_TEXT:
        raise ValueError(f"the text grows beyond {MAX_TEXT} characters; use a simpler directive")
