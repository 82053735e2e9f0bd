"""The pages that the console's navigation names."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple


class Entry(NamedTuple):
    """An entry of the navigation. ``path``: below the console's own."""

    path: str
    title: str


NAVIGATION: Final[Sequence[Entry]] = (
    Entry("", "Live"),
    Entry("/events", "Events"),
    Entry("/mappings", "Mappings"),
    Entry("/destinations", "Destinations"),
    Entry("/dead", "Dead letters"),
    Entry("/settings", "Settings"),
)


def current_entry(path: str) -> Entry | None:
    """Return the entry that a page belongs to, by its path below the console's own; None for no page."""
    within = [one for one in NAVIGATION if path == one.path or (one.path and path.startswith(f"{one.path}/"))]
    return max(within, key=lambda one: len(one.path), default=None)
