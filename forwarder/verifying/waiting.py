"""Waiting for what a page does: until something is so, or until the page has nothing more to send."""

from __future__ import annotations

from collections.abc import Callable, Sized
from time import monotonic
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import Page

SOON_S = 4.0
"""How long a tracked event may take to be sent; seconds. Analytics.js waits for its destinations up to 2."""
_QUIET_MS = 100
"""How long nothing new may come before a step counts as done; Analytics.js sends within a few ms."""
_LOOK_MS = 50
"""Between two looks at a page: a visit makes some twenty waits, and most end within a look or two."""


def until(page: Page, true: Callable[[], bool], seconds: float) -> bool:
    """Wait until ``true`` returns True, for ``seconds`` at most; return what it returned last."""
    end = monotonic() + seconds
    while not (done := true()) and monotonic() < end:
        page.wait_for_timeout(_LOOK_MS)
    return done


def quiet(page: Page, events: Sized, least: float = 0.0) -> None:
    """Wait until no event has come for a moment, for ``SOON_S`` at most.

    ``events``: what grows as the page sends; ``least``: seconds that the page is given in any case.
    """
    began = monotonic()
    while True:
        count = len(events)
        page.wait_for_timeout(_QUIET_MS)
        waited = monotonic() - began
        if waited > SOON_S or (len(events) == count and waited >= least):
            return
