"""One event on its way to one destination, planned and encoded."""

from __future__ import annotations

import msgspec
import orjson

from forwarder.amplitude.wire.items import Item
from forwarder.amplitude.wire.responses import UpstreamResponse
from forwarder.delivery.scheduler.retry_state import RetryState
from forwarder.spool import NewDead, Parked, StoredEvent
from forwarder.text import whole_characters


class Job(msgspec.Struct, eq=False, gc=False):
    """The job of sending one event to one destination.

    ``keys``: the users and devices that order it among others; ``placed``: items in the batch it is in;
    ``group``: the parked group whose row stands for it, or None; ``retry``: what went wrong so far, or None;
    ``size``: bytes of the event and of all that was written for it.
    """

    event: StoredEvent
    items: list[Item]
    keys: tuple[str, ...]
    placed: int = 0
    group: str | None = None
    retry: RetryState | None = None
    size: int = 0

    @property
    def done(self) -> bool:
        """Whether nothing is left to do."""
        for item in self.items:  # noqa: SIM110 - half the time of all(), for every event
            if not item.done:
                return False
        return True

    @property
    def has_past(self) -> bool:
        """Whether Amplitude has accepted some of it, or may have."""
        return any(item.done for item in self.items) or bool(self.retry and self.retry.uncertain_since)

    @property
    def next_item(self) -> Item:
        """The first item that is not done."""
        for item in self.items:
            if not item.done:
                return item
        raise AssertionError("nothing is left to do")

    @property
    def split_level(self) -> int:
        """How often the batches it may share were halved."""
        return self.retry.split_level if self.retry else 0

    @property
    def ready_at(self) -> int:
        """When it may be sent, ms since the epoch."""
        return self.retry.ready_at if self.retry else 0

    @property
    def reason(self) -> str:
        """Why items of it are given up, or empty."""
        return self.retry.reason if self.retry else ""

    def retry_state(self) -> RetryState:
        """Return the state of its retries, which begins now if there was none."""
        if self.retry is None:
            self.retry = RetryState()
        return self.retry

    def fail(self, item: Item, reason: str, answer: UpstreamResponse | None) -> None:
        """End one item, and those that were to follow only its success."""
        item.done, item.reason = True, reason
        retry = self.retry_state()
        retry.reason = retry.reason or reason
        retry.answer = answer or retry.answer
        for later in self.items[self.items.index(item) + 1 :]:
            if not later.after_previous:
                break
            if not later.done:
                later.done, later.reason = True, "the item before it failed"

    def fail_rest(self, reason: str, answer: UpstreamResponse | None) -> None:
        """End all items that are not done."""
        for item in self.items:
            if not item.done:
                self.fail(item, reason, answer)

    def state(self) -> bytes:
        """Return what has to outlive a restart while it is parked or dead."""
        retry = self.retry or RetryState()
        state = {key: getattr(retry, name) for key, name in _PERSISTED.items()}
        return orjson.dumps(
            {"taken": [item.content_hash for item in self.items if item.done and not item.reason]} | state
        )

    def restore(self, state: bytes, *, anew: bool) -> None:
        """Go on from what ``state`` returned earlier: items accepted then, if planned alike now, are done.

        ``anew``: an operator sends it again, so that its time to succeed begins once more.
        """
        if not state:
            return
        kept = orjson.loads(state)
        for key, name in _PERSISTED.items():
            if kept.get(key):
                setattr(self.retry_state(), name, kept[key])
        if anew and self.retry:
            self.retry.restart()
        accepted = set(kept["taken"])
        for item in self.items:
            item.done = item.content_hash in accepted

    def parked(self, group: str) -> Parked:
        """Return it as the spool parks it."""
        return Parked(self.event, group, self.keys, self.state())

    def dead(self) -> NewDead:
        """Return it as a dead letter: which items failed and why, what was sent, what was answered."""
        retry = self.retry_state()
        detail: dict[str, object] = {"items": len(self.items), "failed": self._failed()}
        detail["errors"] = [whole_characters(error[:LONGEST_ERROR]) for error in retry.errors[:MOST_ERRORS]]
        if retry.answer is not None:
            status, body, failure = retry.answer
            text = body[:2000].decode("utf-8", "replace")
            detail["answer"] = {"status": status, "failure": failure, "body": text}
        reason = whole_characters(retry.reason[:LONGEST_ERROR])
        return NewDead(self.event, reason, orjson.dumps(detail), self.state())

    def _failed(self) -> list[dict[str, object]]:
        """Return the items that failed, as far as a letter has room for them: the event makes them again."""
        failed: list[dict[str, object]] = []
        room = MOST_DETAIL
        for item in self.items:
            if not item.reason:
                continue
            shown: dict[str, object] = {"endpoint": item.endpoint, "reason": whole_characters(item.reason)}
            room -= len(item.data)
            if room >= 0:
                shown["item"] = orjson.Fragment(item.data)
            failed.append(shown)
        return failed


MOST_DETAIL = 128 * 1024
"""Bytes of items that a dead letter shows; an event has at most a quarter of it, its items may have more."""
MOST_ERRORS, LONGEST_ERROR = 20, 1000
"""Errors that a dead letter holds, and characters of each."""
_PERSISTED = {
    **{name: name for name in ("tries", "failing_since", "spent_ms", "counted_at")},
    "level": "split_level",
    "maybe_since": "uncertain_since",
}
"""What is kept of a retry state while its job is parked or dead: key in the spool to attribute."""
