"""One event on its way to one destination, planned and encoded."""

from __future__ import annotations

from hashlib import blake2b

import msgspec
import orjson

from forwarder.amplitude.answers import Answer, Sent
from forwarder.amplitude.endpoints import Endpoint
from forwarder.delivery.trouble import Trouble
from forwarder.spool import NewDead, Parked, Spooled


class Part(msgspec.Struct, eq=False, gc=False):
    """One item, written. ``done``: nothing is left to do with it; ``reason``: why it failed, or empty."""

    endpoint: Endpoint
    data: bytes
    min_id_length: float | None = None
    after_previous: bool = False
    done: bool = False
    reason: str = ""

    @property
    def mark(self) -> str:
        """A short text that stands for the content."""
        return blake2b(self.endpoint.encode() + self.data, digest_size=8).hexdigest()

    @property
    def sent(self) -> Sent:
        """The ids that an answer may name."""
        body = orjson.loads(self.data)
        user, device = (body.get(name) for name in Sent._fields)
        return Sent(user if isinstance(user, str) else None, device if isinstance(device, str) else None)


class Work(msgspec.Struct, eq=False, gc=False):
    """One event for one destination.

    ``keys``: the users and devices that order it among others; ``placed``: parts in the batch it is in;
    ``lane``: the parked lane whose row stands for it, or None; ``trouble``: what went wrong so far, or None.
    """

    event: Spooled
    parts: list[Part]
    keys: tuple[str, ...]
    placed: int = 0
    lane: str | None = None
    trouble: Trouble | None = None

    @property
    def done(self) -> bool:
        """Whether nothing is left to do."""
        for part in self.parts:  # noqa: SIM110 - half the time of all(), for every event
            if not part.done:
                return False
        return True

    @property
    def has_past(self) -> bool:
        """Whether Amplitude has taken some of it, or may have."""
        return any(part.done for part in self.parts) or bool(self.trouble and self.trouble.maybe_since)

    @property
    def next_part(self) -> Part:
        """The first part that is not done."""
        for part in self.parts:
            if not part.done:
                return part
        raise AssertionError("nothing is left to do")

    @property
    def level(self) -> int:
        """How often the batches it may share were halved."""
        return self.trouble.level if self.trouble else 0

    @property
    def ready_at(self) -> int:
        """When it may be sent, ms since the epoch."""
        return self.trouble.ready_at if self.trouble else 0

    @property
    def reason(self) -> str:
        """Why parts of it are given up, or empty."""
        return self.trouble.reason if self.trouble else ""

    def troubled(self) -> Trouble:
        """Return its trouble, which begins now if there was none."""
        if self.trouble is None:
            self.trouble = Trouble()
        return self.trouble

    def fail(self, part: Part, reason: str, answer: Answer | None) -> None:
        """End one part, and those that were to follow only its success."""
        part.done, part.reason = True, reason
        trouble = self.troubled()
        trouble.reason = trouble.reason or reason
        trouble.answer = answer or trouble.answer
        for later in self.parts[self.parts.index(part) + 1 :]:
            if not later.after_previous:
                break
            if not later.done:
                later.done, later.reason = True, "the item before it failed"

    def fail_rest(self, reason: str, answer: Answer | None) -> None:
        """End all parts that are not done."""
        for part in self.parts:
            if not part.done:
                self.fail(part, reason, answer)

    def state(self) -> bytes:
        """Return what has to outlive a restart while it is parked or dead."""
        trouble = self.trouble or Trouble()
        state = {name: getattr(trouble, name) for name in _KEPT}
        return orjson.dumps(
            {"taken": [part.mark for part in self.parts if part.done and not part.reason]} | state
        )

    def restore(self, state: bytes, *, anew: bool) -> None:
        """Take up what ``state`` returned earlier; items taken then, if planned alike now, are done.

        ``anew``: an operator sends it again, so that its time to succeed begins once more.
        """
        if not state:
            return
        kept = orjson.loads(state)
        for name in _KEPT:
            if kept.get(name):
                setattr(self.troubled(), name, kept[name])
        if anew and self.trouble:
            self.trouble.begin_anew()
        taken = set(kept["taken"])
        for part in self.parts:
            part.done = part.mark in taken

    def parked(self, lane: str) -> Parked:
        """Return it as the spool parks it."""
        return Parked(self.event, lane, self.keys, self.state())

    def dead(self) -> NewDead:
        """Return it as a dead letter: which items failed and why, what was sent, what was answered."""
        trouble = self.troubled()
        failed = [
            {"endpoint": part.endpoint, "reason": part.reason, "item": orjson.Fragment(part.data)}
            for part in self.parts
            if part.reason
        ]
        detail: dict[str, object] = {"items": len(self.parts), "failed": failed, "errors": trouble.errors}
        if trouble.answer is not None:
            status, body, failure = trouble.answer
            told = body[:2000].decode("utf-8", "replace")
            detail["answer"] = {"status": status, "failure": failure, "body": told}
        return NewDead(self.event, trouble.reason, orjson.dumps(detail), self.state())


_KEPT = ("tries", "level", "failing_since", "spent_ms", "counted_at", "maybe_since")
"""What is kept of an event's trouble while it is parked or dead."""
