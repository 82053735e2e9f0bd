"""What every spool does, and the values that pass through it.

A spool numbers accepted events. Each destination has a cursor: events up to it are finished for that
destination, or were set aside, parked (to be tried later) or dead (with a reason). An event leaves the
spool once every destination's cursor has passed it.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple, Protocol, TypeVar

import msgspec

from forwarder.errors import SpoolError, SpoolUnavailable
from forwarder.sessions.facts import NO_RULES, SessionFacts, SessionRules
from forwarder.spool.counts import Counts
from forwarder.spool.history import Ended, SentBatch, TurnedAway
from forwarder.spool.user_mark import UserMark

T = TypeVar("T")


class NewEvent(msgspec.Struct, frozen=True, gc=False):  # made in a sixth of a named tuple's time
    """An event about to be accepted. ``body``: the normalised event as JSON; the spool never reads it.

    ``session``: what the session rules are asked about, in the transaction that accepts the event.
    """

    source: str
    message_id: str
    body: bytes
    session: SessionFacts | None = None


class StoredEvent(msgspec.Struct, frozen=True, gc=False):
    """An accepted event. ``received_at``: ms since the epoch; ``seq`` grows by one from event to event."""

    seq: int
    received_at: int
    source: str
    message_id: str
    body: bytes


class Parked(NamedTuple):
    """An event set aside for one destination.

    ``group``: events of one group come back in order of ``seq``. ``keys``: what makes events belong together,
    as the user and the device. ``state``: the owner's note on it. An empty group holds dead letters that
    an operator sent again.
    """

    event: StoredEvent
    group: str
    keys: tuple[str, ...]
    state: bytes


class NewDead(NamedTuple):
    """An event that cannot be delivered. ``detail``: JSON on what was sent and answered, without secrets.

    ``state``: what has been delivered of it already, as in ``Parked``.
    """

    event: StoredEvent
    reason: str
    detail: bytes
    state: bytes


class DeadLetter(NamedTuple):
    """A dead letter as kept. ``number`` identifies it; ``died_at``: ms since the epoch."""

    number: int
    destination: str
    died_at: int
    event: StoredEvent
    reason: str
    detail: bytes
    state: bytes


class Settlement(NamedTuple):
    """A settlement: what has become of events at one destination, written as one step.

    ``cursor``: the highest seq up to which all are finished or set aside. ``park``: to set aside, written
    over what was parked under the same seq. ``unpark``: seqs no longer parked. ``merge``: group to the group
    it became part of. ``ended``: how many events ended, by outcome and reason, since the last settlement;
    ``ends``: which, and ``sent``: the requests that were answered, for history.
    """

    cursor: int
    park: Sequence[Parked] = ()
    unpark: Sequence[int] = ()
    dead: Sequence[NewDead] = ()
    merge: Mapping[str, str] = {}
    ended: Mapping[tuple[str, str], int] = {}
    ends: Sequence[Ended] = ()
    sent: Sequence[SentBatch] = ()


class MessageGroup(NamedTuple):
    """A group with parked events: the keys that belong to it and how many events it holds."""

    name: str
    keys: frozenset[str]
    events: int


class Spool(Protocol):
    """The durable queue between accepting and delivering. Times are ms since the epoch."""

    async def append(self, events: Sequence[NewEvent], now: int) -> list[bool]:
        """Return once all events are durable; False for those seen from the same source within 24 hours.

        Raises SpoolFull, with nothing kept, when the bound on events or bytes, or the disk, is reached.
        """
        ...

    def on_append(self, call: Callable[[Sequence[StoredEvent]], None]) -> Callable[[], None]:
        """Have ``call`` called in the event loop with events once they are durable; return what ends that."""
        ...

    async def attach(self, destinations: Sequence[str]) -> dict[str, int]:
        """Return each destination's cursor. New ones start at the oldest event; others are forgotten."""
        ...

    async def read(self, after: int, limit: int) -> list[StoredEvent]:
        """Return up to ``limit`` events whose seq is above ``after``, in order."""
        ...

    def hand_on(self, events: Sequence[StoredEvent]) -> list[StoredEvent]:
        """Return events that were read, each with its session for good; fewer while late ones change some."""
        ...

    async def settle(self, destination: str, settlement: Settlement, now: int) -> None:
        """Write what has become of events, all or nothing, and remove what no destination needs any more."""
        ...

    async def groups(self, destination: str) -> list[MessageGroup]:
        """Return the groups that hold parked events."""
        ...

    async def aside(self, destination: str, after: int) -> set[int]:
        """Return the seqs above ``after`` that are parked or dead; a crash leaves some above the cursor."""
        ...

    async def parked(self, destination: str, group: str, after: int, limit: int) -> list[Parked]:
        """Return up to ``limit`` events of the group whose seq is above ``after``, in order."""
        ...

    async def dead(
        self, destination: str | None = None, after: int = 0, limit: int = 100, number: int | None = None
    ) -> list[DeadLetter]:
        """Return dead letters in order of ``number``, above ``after``; or the one with that number."""
        ...

    async def end_sessions(self, rules: Mapping[str, SessionRules], now: int) -> int:
        """Accept the Session Ended of each session that nobody continued; return how many.

        ``rules``: by source.
        """
        ...

    def bound_sessions(self, max_devices: int, rules: Mapping[str, SessionRules] = NO_RULES) -> None:
        """Keep the sessions of so many devices: those of which nothing came for longest go.

        ``rules``: by source; where it has none, no late event changes the session of another one.
        """
        ...

    def bound_dead(self, max_bytes: int, max_age_ms: int) -> None:
        """Keep dead letters within these bounds: the oldest go, as events are settled, and by ``expire``."""
        ...

    async def expire(self, now: int) -> None:
        """Let go of dead letters and history beyond their bounds, where nothing else happens for long."""
        ...

    def bound_history(self, max_bytes: int, max_age_ms: int) -> None:
        """Keep accepted events, and what became of them, within these bounds; with a 0, not at all."""
        ...

    def turn_away(self, events: Sequence[TurnedAway]) -> None:
        """Have history keep events that were rejected, as far as there is room; nobody waits for that."""
        ...

    async def write_turned_away(self) -> None:
        """Write these now, where no other change to the spool has taken them along."""
        ...

    async def look(self, question: Callable[[sqlite3.Connection], T]) -> T:
        """Return what a question of ``forwarder.history`` finds, in the reader's thread."""
        ...

    async def retry(self, numbers: Sequence[int]) -> int:
        """Park these dead letters in the group without a name, to be sent again; return how many."""
        ...

    async def drop(self, numbers: Sequence[int]) -> int:
        """Forget these dead letters for good; return how many."""
        ...

    async def marks(self) -> list[UserMark]:
        """Return the marks of deleted users."""
        ...

    async def mark_users(self, marks: Sequence[UserMark], now: int) -> int:
        """Write marks, which cover all events accepted so far; return the number of this erasure."""
        ...

    async def forget_sessions(self) -> None:
        """Forget the sessions of deleted users and of their devices, once for each erasure."""
        ...

    async def erasure(self) -> int:
        """Return the number of the latest erasure, 0 for none."""
        ...

    async def erasure_done(self, number: int) -> None:
        """Note that deliveries go by the marks of this erasure and all before it."""
        ...

    async def counts(self) -> Counts:
        """Return how much lies in the spool."""
        ...

    def unavailable(self) -> SpoolUnavailable | None:
        """Return why nothing can be written for now, None where it can."""
        ...

    @property
    def failure(self) -> SpoolError | None:
        """Why nothing can be written any more, once that is so; see ``lost``."""
        ...

    async def lost(self) -> SpoolError:
        """Return why nothing can be written any more, once that is so; the forwarder has to end then."""
        ...

    def end_within(self, seconds: float) -> None:
        """Let nothing wait much longer for changes to become durable; for a forwarder that stops."""
        ...

    async def close(self) -> None:
        """Finish what was begun; close files and connections."""
        ...
