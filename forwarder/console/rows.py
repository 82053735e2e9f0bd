"""Events as rows of the console's tables: what each says, and how it stands at each destination."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from forwarder.console.pages import duration
from forwarder.history.filters import name_of
from forwarder.history.finding import WAITING
from forwarder.history.listing import Listed, Position
from forwarder.history.states import State
from forwarder.outcomes import Outcome
from forwarder.spool.event_keys import EventKeys, keys_of

_KINDS: Final = {
    Outcome.DELIVERED: "good",
    Outcome.DEAD: "bad",
    Outcome.REJECTED: "bad",
    Outcome.DUPLICATE: "",
    Outcome.FILTERED: "",
    WAITING: "busy",
}


class Chip(NamedTuple):
    """A state in a few words. ``kind``: good, bad, busy or nothing, for its colour."""

    text: str
    kind: str


class Row(NamedTuple):
    """An event as a row. ``path``: of its own page, below the console's; ``key``: names the row.

    ``place``: in the list of its kind, see ``Position``; ``at``: when it was received, ms since the epoch.
    """

    key: str
    path: str
    place: int
    at: int
    source: str
    message_id: str
    name: str
    keys: EventKeys
    chips: Sequence[Chip]

    @property
    def is_turned_away(self) -> bool:
        """Whether its event ended at ingest: rejected, or a duplicate."""
        return self.key.startswith("i")

    def is_after(self, position: Position) -> bool:
        """Return whether it came after a position."""
        return self.place > (position.place if self.is_turned_away else position.seq)

    def has(self, text: str) -> bool:
        """Return whether the row says something; ``text`` is in lower case."""
        said = (self.name, *self.keys, self.message_id, self.source, *(one.text for one in self.chips))
        return any(text in one.lower() for one in said)


def row_of(listed: Listed, destinations: Sequence[str]) -> Row:
    """Return a listed event as a row. ``destinations``: those that are configured."""
    event, states, place = listed
    path = f"/events/ingest/{place}" if place else f"/events/{event.seq}"
    return Row(
        f"i{place}" if place else f"e{event.seq}",
        path,
        place or event.seq,
        event.received_at,
        event.source,
        event.message_id,
        name_of(event.body) or event.message_id or "(no name)",
        keys_of(event.body),
        chips_of(states, [] if place else destinations),
    )


def chips_of(states: Mapping[str, State], destinations: Sequence[str]) -> list[Chip]:
    """Return how an event stands at each destination; of several each is named."""
    names = list(dict.fromkeys([*destinations, *states]))
    if not names:
        return [Chip("kept: no destination is configured", "")]
    return [chip_of(states.get(name), name if len(names) > 1 else "") for name in names]


def chip_of(state: State | None, destination: str = "") -> Chip:
    """Return a state in words; None: the event waits."""
    before = f"{destination}: " if destination else ""
    if state is None:
        return Chip(f"{before}{WAITING}", _KINDS[WAITING])
    kind = _KINDS.get(state.outcome, "")
    if state.outcome == Outcome.DELIVERED:
        return Chip(f"{before}{state.outcome} {duration(state.took_ms)}", kind)
    reason = state.reason.replace("_", " ") if state.outcome == Outcome.REJECTED else state.reason
    return Chip(f"{before}{state.outcome}{f': {reason}' if reason else ''}", kind)
