"""One event on its way to one destination, planned and encoded."""

from __future__ import annotations

from hashlib import blake2b

import msgspec
import orjson

from forwarder.amplitude.answers import Answer, Sent
from forwarder.amplitude.endpoints import Endpoint
from forwarder.delivery.trouble import Trouble
from forwarder.spool import NewDead, Parked, Spooled
from forwarder.text import whole_characters


class Part(msgspec.Struct, eq=False, gc=False):
    """One item, written. ``done``: nothing is left to do with it; ``reason``: why it failed, or empty.

    ``user_id``, ``device_id``: the ids in it that an answer may name.
    """

    endpoint: Endpoint
    data: bytes
    min_id_length: float | None = None
    after_previous: bool = False
    user_id: str | None = None
    device_id: str | None = None
    done: bool = False
    reason: str = ""

    @property
    def mark(self) -> str:
        """A short text that stands for the content."""
        return blake2b(self.endpoint.encode() + self.data, digest_size=8).hexdigest()

    @property
    def sent(self) -> Sent:
        """The ids that an answer may name."""
        return Sent(self.user_id, self.device_id)


class Work(msgspec.Struct, eq=False, gc=False):
    """One event for one destination.

    ``keys``: the users and devices that order it among others; ``placed``: parts in the batch it is in;
    ``lane``: the parked lane whose row stands for it, or None; ``trouble``: what went wrong so far, or None;
    ``size``: bytes of the event and of all that was written for it.
    """

    event: Spooled
    parts: list[Part]
    keys: tuple[str, ...]
    placed: int = 0
    lane: str | None = None
    trouble: Trouble | None = None
    size: int = 0

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
        detail: dict[str, object] = {"items": len(self.parts), "failed": self._failed()}
        detail["errors"] = [whole_characters(error[:LONGEST_ERROR]) for error in trouble.errors[:MOST_ERRORS]]
        if trouble.answer is not None:
            status, body, failure = trouble.answer
            told = body[:2000].decode("utf-8", "replace")
            detail["answer"] = {"status": status, "failure": failure, "body": told}
        reason = whole_characters(trouble.reason[:LONGEST_ERROR])
        return NewDead(self.event, reason, orjson.dumps(detail), self.state())

    def _failed(self) -> list[dict[str, object]]:
        """Return the items that failed, as far as a letter has room for them: the event makes them again."""
        failed: list[dict[str, object]] = []
        room = MOST_DETAIL
        for part in self.parts:
            if not part.reason:
                continue
            shown: dict[str, object] = {"endpoint": part.endpoint, "reason": whole_characters(part.reason)}
            room -= len(part.data)
            if room >= 0:
                shown["item"] = orjson.Fragment(part.data)
            failed.append(shown)
        return failed


MOST_DETAIL = 128 * 1024
"""Bytes of items that a dead letter shows; an event has at most a quarter of it, its items may have more."""
MOST_ERRORS, LONGEST_ERROR = 20, 1000
"""Errors that a dead letter holds, and characters of each."""
_KEPT = ("tries", "level", "failing_since", "spent_ms", "counted_at", "maybe_since")
"""What is kept of an event's trouble while it is parked or dead."""
