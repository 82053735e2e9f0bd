"""A book of sessions with the bodies of its events, which are handed on bit by bit."""

from __future__ import annotations

import json
from collections.abc import Iterable

from forwarder.ingest.times import format_time
from forwarder.sessions.book import SessionBook
from forwarder.sessions.device import CLIENT, GIVEN
from forwarder.sessions.facts import PAGE, SERVER, SessionFacts, SessionRules, device_key, user_key
from forwarder.sessions.renaming import Renaming, SessionNames
from forwarder.sessions.rows import SessionRow
from forwarder.sessions.stamp import opening, stamped
from tests.support.sessions import NAME, START, stamp

LENGTH = 1_800_000
RULES = SessionRules(source="shop", assign="all", length=LENGTH)


def facts(
    time: int,
    rules: SessionRules = RULES,
    session_id: int | None = None,
    kind: int = PAGE,
    device: str = "d-1",
) -> SessionFacts:
    """Return the facts of an event of a device, and of ada's."""
    start = b"" if session_id is not None else opening(None)
    key = device_key("", device) if device else ""
    flags = (0 if session_id is None else GIVEN) | (0 if kind == SERVER else CLIENT)
    head = len(_body(time, device, None)) - 1
    return SessionFacts(rules, kind, key, user_key("", "ada"), time, session_id, start, head, flags)


def _body(time: int, device: str, session_id: int | None) -> bytes:
    event: dict[str, object] = {"userId": "ada", "timestamp": format_time(time)}
    if device:
        event["anonymousId"] = device
    if session_id is not None:
        event["integrations"] = stamp(session_id)
    return json.dumps(event, separators=(",", ":")).encode()


class Waiting:
    """Events that were accepted. ``bodies``: as they are kept, by seq less 1."""

    def __init__(self) -> None:
        self.book = SessionBook()
        self.bodies: list[bytes] = []
        self.rows: list[SessionRow] = []
        self.renamings: list[Renaming] = []
        self.handed = 0
        """The highest seq that a destination has had."""

    @property
    def names(self) -> SessionNames:
        """What the destinations ask."""
        return self.book.late._names

    def came(self, *events: SessionFacts, fails: bool = False) -> None:
        """Have events accepted in one transaction; ``fails``: it comes to nothing."""
        self.book.begin()
        done = self.book.assign(events, START, len(self.bodies))
        row = self.book.changed(START)
        if fails:
            self.book.begin()
            return
        bodies = []
        for event, one in zip(events, done, strict=True):
            device = event.device.partition("\0d")[2]
            body = _body(event.time, device, event.given)
            bodies.append(body if one is None else stamped(body, event, one))
        self.rows += [] if row is None else [row]
        self.renamings += self.book.late.renamings
        self.book.committed()
        self.bodies += bodies

    def hand_on(self, events: int = 10**6) -> dict[int, int | None]:
        """Have a destination read so many more events; return the sessions that it sees, by seq."""
        upto = min(self.handed + events, len(self.bodies))
        seqs = range(self.handed + 1, upto + 1)
        self.handed = self.names.hand_on(upto) if seqs else self.handed
        assert self.handed == upto
        return self.sessions(seqs)

    def sessions(self, seqs: Iterable[int]) -> dict[int, int | None]:
        """Return the sessions in which events are, as a destination reads them now."""
        return {seq: session_in(self.names.named(seq, "shop", self.bodies[seq - 1])) for seq in seqs}

    def opened_again(self) -> None:
        """Have all read from what the spool holds: what came before a start is final."""
        self.book = SessionBook()
        self.book.load(self.rows, SessionNames(len(self.bodies), self.renamings))
        self.handed = len(self.bodies)


def session_in(body: bytes) -> int | None:
    """Return the session id of a body."""
    options: dict[str, int] = json.loads(body).get("integrations", {}).get(NAME, {})
    return options.get("session_id")
