"""One event on its way to one destination, planned and encoded."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from hashlib import blake2b
from typing import Protocol

import orjson

from forwarder.amplitude.answers import Answer, Sent
from forwarder.amplitude.endpoints import Endpoint
from forwarder.amplitude.items import Item
from forwarder.errors import ForwarderError, MappingError, PayloadError
from forwarder.spool import NewDead, Parked, Spooled

NAMES = ("Actions Amplitude", "Amplitude (Actions)")
"""Names under which an event's ``integrations`` may speak of the destination."""


class Planner(Protocol):
    """What delivery needs of a destination."""

    api_key: str
    secret_key: str

    @property
    def url(self) -> Callable[[Endpoint], str]:
        """What returns an endpoint's address."""
        ...

    def items(self, event: Mapping[str, object]) -> tuple[Sequence[Item], Sequence[ForwarderError]]:
        """Return what to send for the event, in order, and what is wrong with the rest."""
        ...


class Part:
    """One item, encoded. ``done``: nothing is left to do with it; ``reason``: why it failed, or empty."""

    __slots__ = ("after_previous", "data", "done", "endpoint", "min_id_length", "reason", "sent")

    def __init__(self, item: Item, data: bytes, sent: Sent) -> None:
        self.endpoint = item.endpoint
        self.min_id_length = item.min_id_length
        self.after_previous = item.after_previous
        self.data = data
        self.sent = sent
        self.done = False
        self.reason = ""

    @property
    def mark(self) -> str:
        """A short text that stands for the content."""
        return blake2b(self.endpoint.encode() + self.data, digest_size=8).hexdigest()


class Work:
    """One event for one destination.

    ``keys``: user, device and group that order it among others; ``ready_at``: not before, ms since the
    epoch; ``level``: how often the batches it may share were halved; ``placed``: parts in the batch it is in;
    ``lane``: the parked lane whose row stands for it, or None; ``failing_since``, ``maybe_since``: first
    failed try, and first try that Amplitude may have taken, ms since the epoch or 0.
    """

    __slots__ = (
        "answer",
        "errors",
        "event",
        "failing_since",
        "keys",
        "lane",
        "level",
        "maybe_since",
        "parts",
        "placed",
        "ready_at",
        "reason",
        "tries",
    )

    def __init__(self, event: Spooled, parts: list[Part], keys: tuple[str, ...]) -> None:
        self.event = event
        self.parts = parts
        self.keys = keys
        self.errors: list[str] = []
        self.reason = ""
        self.answer: Answer | None = None
        self.lane: str | None = None
        self.ready_at = self.level = self.placed = self.tries = 0
        self.failing_since = self.maybe_since = 0

    def fail(self, part: Part, reason: str, answer: Answer | None) -> None:
        """End one part, and those that were to follow only its success."""
        part.done, part.reason = True, reason
        self.reason = self.reason or reason
        self.answer = answer or self.answer
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
        taken = [part.mark for part in self.parts if part.done and not part.reason]
        since = {"tries": self.tries, "failing_since": self.failing_since, "maybe_since": self.maybe_since}
        return orjson.dumps({"taken": taken, "level": self.level, **since})

    def restore(self, state: bytes) -> None:
        """Take up what ``state`` returned earlier; items taken then, if planned alike now, are done."""
        if not state:
            return
        kept = orjson.loads(state)
        self.level, self.tries = kept["level"], kept["tries"]
        self.failing_since, self.maybe_since = kept["failing_since"], kept["maybe_since"]
        taken = set(kept["taken"])
        for part in self.parts:
            part.done = part.mark in taken

    def parked(self, lane: str) -> Parked:
        """Return it as the spool parks it."""
        return Parked(self.event, lane, self.keys, self.state())

    def dead(self) -> NewDead:
        """Return it as a dead letter: which items failed and why, what was sent, what was answered."""
        failed = [
            {"endpoint": part.endpoint, "reason": part.reason, "item": orjson.Fragment(part.data)}
            for part in self.parts
            if part.reason
        ]
        detail: dict[str, object] = {"items": len(self.parts), "failed": failed, "errors": self.errors}
        if self.answer is not None:
            body = self.answer.body[:2000].decode("utf-8", "replace")
            detail["answer"] = {"status": self.answer.status, "failure": self.answer.failure, "body": body}
        return NewDead(self.event, self.reason, orjson.dumps(detail), self.state())


def plan(event: Spooled, planner: Planner, sources: frozenset[str] | None) -> tuple[Work, str]:
    """Return the event as work, and why it is filtered where there is nothing to do.

    Whatever goes wrong with one event ends in its own reason, never in the way of others.
    """
    if sources is not None and event.source not in sources:
        return Work(event, [], ()), "source not routed here"
    try:
        body = orjson.loads(event.body)
        if _excluded(body.get("integrations")):
            return Work(event, [], ()), "excluded by integrations"
        items, errors = planner.items(body)
        parts, keys = _parts(items)
        keys = keys or (f"#{event.seq}",)  # belongs to nobody, waits for nobody
    except Exception as error:  # the reason names it; the event stays in the dead letters
        work = Work(event, [], ())
        work.errors, work.reason = [f"{type(error).__name__}: {error}"], "cannot be planned"
        return work, ""
    work = Work(event, parts, keys)
    if errors:
        work.errors = [str(error) for error in errors]
        work.reason = _kind(errors[0])
    return work, "" if parts or errors else "no trigger matched"


def _kind(error: ForwarderError) -> str:
    if isinstance(error, PayloadError):
        return "invalid fields"
    return "mapping failed" if isinstance(error, MappingError) else "cannot be planned"


def _excluded(integrations: object) -> bool:
    if not isinstance(integrations, dict) or not integrations:
        return False
    named = [integrations[name] for name in NAMES if name in integrations]
    if named:
        return not any(named) and False in named
    return integrations.get("All") is False


def _parts(items: Sequence[Item]) -> tuple[list[Part], tuple[str, ...]]:
    if len(items) == 1 and items[0].endpoint is Endpoint.HTTPAPI:  # nearly always
        body = items[0].body
        user, device = body.get("user_id"), body.get("device_id")
        part = Part(items[0], orjson.dumps(body), Sent(user, device))  # type: ignore[arg-type]
        if user:
            return [part], (f"u{user}", f"d{device}") if device else (f"u{user}",)
        return [part], (f"d{device}",) if device else ()
    keys: dict[str, None] = {}
    parts = []
    for item in items:
        body = item.body
        ids = {kind: body.get(name) for kind, name in (("u", "user_id"), ("d", "device_id"))}
        keys.update({f"{kind}{value}": None for kind, value in ids.items() if value})
        for other in (body.get("global_user_id"), *_list(body.get("user_ids"))):
            if other:
                keys[f"u{other}"] = None
        if item.endpoint is Endpoint.GROUPIDENTIFY:
            keys[f"g{body.get('group_type')}\t{body.get('group_value')}"] = None
        user, device = (str(value) if value else None for value in ids.values())
        parts.append(Part(item, orjson.dumps(body), Sent(user, device)))
    return parts, tuple(key.replace("\n", " ") for key in keys)


def _list(value: object) -> Sequence[object]:
    return value if isinstance(value, list) else ()
