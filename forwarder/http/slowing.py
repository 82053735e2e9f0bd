"""Answers that are held back, so that guessing keys or tokens takes time."""

import asyncio
from typing import Final

_SECONDS: Final = 1.0
_MOST: Final = 500
"""Answers held back at a time; each keeps a connection, of which others need some too."""


class Slowing:
    """Waits before an answer, for a bounded number of answers."""

    def __init__(self) -> None:
        self._waiting = 0

    async def wait(self) -> None:
        """Wait, unless too many answers wait already."""
        if self._waiting >= _MOST:
            return
        self._waiting += 1
        try:
            await asyncio.sleep(_SECONDS)
        finally:
            self._waiting -= 1


SLOWED: Final = Slowing()
"""Of this process: whatever is guessed, connections are shared."""
