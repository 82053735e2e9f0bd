"""Waiting for a state instead of for time to pass."""

import asyncio
import time
from collections.abc import Awaitable, Callable

PAUSE_S = 0.03
"""Between two looks: short beside what is waited for, long beside what a look costs."""
PATIENCE_S = 60
"""Until a test fails: many times what anything takes on a quiet machine, for machines are not quiet."""


def eventually(true: Callable[[], object], seconds: float = PATIENCE_S) -> bool:
    """Wait until something is so; tell whether it came to be within so many seconds."""
    end = time.monotonic() + seconds
    while not true() and time.monotonic() < end:
        time.sleep(PAUSE_S)
    return bool(true())


def used_up(left: Callable[[], float], seconds: float = PATIENCE_S) -> bool:
    """Wait until nothing is left; tell whether it came to that, with less left every so many seconds.

    For much work, which a busy machine does slowly, and does all the same.
    """
    least, end = left(), time.monotonic() + seconds
    while least > 0 and time.monotonic() < end:
        time.sleep(PAUSE_S)
        now = left()
        if now < least:
            least, end = now, time.monotonic() + seconds
    return least <= 0


async def until(true: Callable[[], object], seconds: float = PATIENCE_S) -> None:
    """Wait until something is so while the event loop goes on; fails where it never comes to be.

    ``true`` may be a coroutine function.
    """
    end = time.monotonic() + seconds
    while True:
        found = true()
        if await found if isinstance(found, Awaitable) else found:
            return
        assert time.monotonic() < end, "it never came true"
        await asyncio.sleep(PAUSE_S)
