"""Faults inside: any function of delivery, its spool and a reload raises, before or after it did its work."""

from __future__ import annotations

import functools
import inspect
import random
from collections.abc import Callable
from types import FunctionType
from typing import Any

import pytest

from forwarder.app import Forwarder
from forwarder.delivery import batch, exchange, line, post
from forwarder.delivery.batch import Batch
from forwarder.delivery.batches import Batches
from forwarder.delivery.breaker import Breaker
from forwarder.delivery.faults import Faults
from forwarder.delivery.flow import Flow
from forwarder.delivery.fresh import Fresh
from forwarder.delivery.judge import Judge
from forwarder.delivery.lanes import Lanes
from forwarder.delivery.line import Line
from forwarder.delivery.loop import Delivery
from forwarder.delivery.memory import Memory
from forwarder.delivery.order import Order
from forwarder.delivery.pace import Pace
from forwarder.delivery.post import Notes
from forwarder.delivery.progress import Progress
from forwarder.delivery.sender import Sender
from forwarder.delivery.timers import Timers
from forwarder.delivery.trouble import Trouble
from forwarder.delivery.watch import Watch
from forwarder.delivery.work import Work
from forwarder.errors import SpoolError
from tests.simulation.memory_spool import AsyncSpool

CLASSES: tuple[type, ...] = (
    *(AsyncSpool, Batch, Batches, Breaker, Delivery, Faults, Flow, Forwarder, Fresh, Judge, Lanes, Line),
    *(Memory, Notes, Order, Pace, Progress, Sender, Timers, Trouble, Watch, Work),
)
LEFT_OUT = {
    *("AsyncSpool.accept", "AsyncSpool.lost", "AsyncSpool.close", "AsyncSpool.end_within", "Forwarder.start"),
    *(
        "Forwarder.stop",
        "Forwarder.shown",
        "Forwarder.reload",
        "Notes.fault",
        "Sender._fault",
        "Delivery.report",
    ),
    *("Sender.hear", "Delivery.abandon", "Delivery.stop"),
}
"""What the test itself calls, what counts the faults, and the supervisors that end everything."""


class Injected(Exception):  # noqa: N818 - what happens, as the test says it
    """A fault of our own code, as if."""


class Injector:
    """Makes functions raise. ``rate``: how often; ``only``: nothing but this one."""

    def __init__(self, chance: random.Random, rate: float, only: str | None) -> None:
        self._chance = chance
        self._rate = rate
        self._only = only
        self.on = True
        self.raised: list[str] = []

    def patch(self, patch: pytest.MonkeyPatch) -> None:
        """Wrap everything that may raise."""
        for name, owner, attribute in targets():
            patch.setattr(owner, attribute, self._wrapped(name, getattr(owner, attribute)))

    def _raise(self, name: str, moment: str) -> None:
        if self.on and self._only in (None, name) and self._chance.random() < self._rate:
            self.raised.append(f"{name} {moment}")
            # A SpoolError says that nothing was written.
            if name.startswith("AsyncSpool") and moment == "before" and self._chance.random() < 0.5:
                raise SpoolError("the disk says no")
            raise Injected(name)

    def _wrapped(self, name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        if inspect.iscoroutinefunction(call):

            @functools.wraps(call)
            async def waiting(*given: Any, **named: Any) -> Any:
                self._raise(name, "before")
                result = await call(*given, **named)
                self._raise(name, "after")
                return result

            return waiting

        @functools.wraps(call)
        def at_once(*given: Any, **named: Any) -> Any:
            self._raise(name, "before")
            result = call(*given, **named)
            self._raise(name, "after")
            return result

        return at_once


def targets() -> list[tuple[str, object, str]]:
    """Return everything that may raise: its name, what holds it, and under which attribute."""
    found: list[tuple[str, object, str]] = [
        ("encode", post, "encode"),
        ("exchange", post, "exchange"),
        ("plan", line, "plan"),
        ("form_text", batch, "form_text"),
        ("http_client", exchange, "http_client"),
    ]
    for owner in CLASSES:
        for attribute, value in vars(owner).items():
            name = f"{owner.__name__}.{attribute}"
            if isinstance(value, FunctionType) and not attribute.startswith("__") and name not in LEFT_OUT:
                found.append((name, owner, attribute))
    return found
