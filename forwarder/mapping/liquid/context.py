"""What a template is rendered in: the payload, and what the template itself sets."""

from collections.abc import Callable
from typing import TypeAlias

from forwarder.js import UNDEFINED, is_number, to_double, to_string, whole
from forwarder.mapping.bounds import bounded
from forwarder.mapping.liquid.values import own, plain, stringify


class Context:
    """``text``: what is written, in parts; ``stopped``: nothing more is to be written.

    Names are looked up in what the template assigned, then in its counters, then in the payload.
    """

    __slots__ = ("assigned", "counters", "cycles", "payload", "size", "stopped", "text")

    def __init__(self, payload: object) -> None:
        self.payload = payload
        self.assigned: dict[str, object] = {}
        self.counters: dict[str, float] = {}
        self.cycles: dict[tuple[str, int], int] = {}
        self.text: list[str] = []
        self.size = 0
        self.stopped = False

    def write(self, value: object) -> None:
        """Write the text of a value. Raises ValueError where all texts together grow too long."""
        text = stringify(plain(value))
        self.size += len(text)
        bounded(self.size)
        self.text.append(text)

    def look_up(self, key: object) -> object:
        """Return what a name means; UNDEFINED if nothing."""
        name = to_string(plain(key))
        if name in self.assigned:
            return self.assigned[name]
        if name in self.counters:
            return self.counters[name]
        value = own(self.payload, name)
        # LiquidJS looks for unknown names in an empty object, and "size" is the number of its keys.
        return 0 if value is UNDEFINED and name == "size" else value

    def count(self, name: str, step: int) -> tuple[float, float]:
        """Add to a counter, which goes on from a number of that name in the payload; return old and new."""
        value = self.counters.get(name, own(self.payload, name))
        old = to_double(value) if is_number(value) else 0.0  # type: ignore[arg-type]
        self.counters[name] = whole(old + step)
        return old, self.counters[name]


Value: TypeAlias = Callable[[Context], object]
"""What an expression is compiled to."""
Statement: TypeAlias = Callable[[Context], None]
"""What a piece of a template is compiled to."""


def run(statements: list[Statement], context: Context) -> None:
    """Run statements until they are done, or ``{% break %}``."""
    for statement in statements:
        statement(context)
        if context.stopped:
            break
