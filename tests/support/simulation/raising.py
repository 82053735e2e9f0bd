"""Functions that raise, before or after they did their work: what faults inside delivery and spool share."""

from __future__ import annotations

import functools
import inspect
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any

import pytest

Target = tuple[str, object, str]
"""A function that may raise: its name, what holds it, and under which attribute."""


class Injected(Exception):  # noqa: N818 - what happens, as the test says it
    """A fault of our own code, as if."""


class Raising(ABC):
    """Makes functions raise, as ``error`` decides.

    ``on``: whether any does; ``raised``: which have, in order.
    """

    def __init__(self, *, on: bool) -> None:
        self.on = on
        self.raised: list[str] = []

    def wrap(self, patch: pytest.MonkeyPatch, found: list[Target]) -> None:
        """Wrap everything that may raise."""
        for name, owner, attribute in found:
            patch.setattr(owner, attribute, self._wrapped(name, getattr(owner, attribute)))

    @abstractmethod
    def error(self, name: str, moment: str) -> Exception | None:
        """Return what a function raises at its next moment, "before" or "after" its work; None: nothing."""

    def _see(self, name: str, moment: str) -> None:
        if self.on and (error := self.error(name, moment)) is not None:
            self.raised.append(f"{name} {moment}")
            raise error

    def _wrapped(self, name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        if inspect.iscoroutinefunction(call):

            @functools.wraps(call)
            async def waiting(*given: Any, **named: Any) -> Any:
                self._see(name, "before")
                result = await call(*given, **named)
                self._see(name, "after")
                return result

            return waiting

        @functools.wraps(call)
        def at_once(*given: Any, **named: Any) -> Any:
            self._see(name, "before")
            result = call(*given, **named)
            self._see(name, "after")
            return result

        return at_once
