"""A dict whose changes are undone unless they are committed."""

from __future__ import annotations

from typing import Generic, TypeVar

V = TypeVar("V")


class Undoable(Generic[V]):
    """A dict with transactions. ``values``: as it stands now; ``before``: what the transaction has changed.

    ``before`` holds None for a key that was not there. Who changes many values a transaction changes both by
    itself, as ``set`` does.
    """

    __slots__ = ("before", "values")

    def __init__(self) -> None:
        self.values: dict[str, V] = {}
        self.before: dict[str, V | None] = {}

    def set(self, key: str, value: V) -> None:
        """Set a value."""
        values, before = self.values, self.before
        if key not in before:
            before[key] = values.get(key)
        values[key] = value

    def remove(self, key: str) -> None:
        """Remove a value that is there."""
        value = self.values.pop(key)
        self.before.setdefault(key, value)

    def commit(self) -> None:
        """Keep what was changed."""
        self.before = {}

    def undo(self) -> None:
        """Undo what was changed since the last commit."""
        values = self.values
        for key, value in self.before.items():
            if value is None:
                values.pop(key, None)
            else:
                values[key] = value
        self.before = {}
