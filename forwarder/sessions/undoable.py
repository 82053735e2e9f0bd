"""A dict whose changes are undone unless they are committed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Generic, TypeVar

V = TypeVar("V")


class Undoable(Generic[V]):
    """A dict with transactions. ``values``: as it was committed; ``changed``: what the transaction has set.

    ``changed`` holds None for a key that was removed. It is small and was just used, so whoever writes what
    has changed need not look into ``values`` once more, which may be large.
    """

    __slots__ = ("changed", "values")

    def __init__(self) -> None:
        self.values: dict[str, V] = {}
        self.changed: dict[str, V | None] = {}

    def get(self, key: str) -> V | None:
        """Return the value as it stands now, None where there is none."""
        changed = self.changed
        return changed[key] if key in changed else self.values.get(key)

    def items(self) -> Iterator[tuple[str, V]]:
        """Yield keys and values as they stand now; to be read to the end before anything is changed."""
        changed = self.changed
        yield from ((key, value) for key, value in changed.items() if value is not None)
        yield from ((key, value) for key, value in self.values.items() if key not in changed)

    def set(self, key: str, value: V) -> None:
        """Set a value."""
        self.changed[key] = value

    def remove(self, key: str) -> None:
        """Remove a value."""
        self.changed[key] = None

    def commit(self) -> None:
        """Keep what was changed."""
        changed = self.changed
        if None in changed.values():
            for key in [key for key, value in changed.items() if value is None]:
                del changed[key]
                self.values.pop(key, None)
        self.values.update(changed)  # type: ignore[arg-type]
        self.changed = {}

    def undo(self) -> None:
        """Undo what was changed since the last commit."""
        self.changed = {}
