"""One accepted event through the owner's function: from its bytes to its bytes, and how that ended.

The function is given the event as its sender wrote it: what the forwarder has added stands aside and is put
back, so that a page's Python, which has the event before it is sent, does the same to it.
"""

import json
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from browser_plugin.enrichment import applied, fault_in, marked, version_in
from browser_plugin.minimal import KEPT, least
from forwarder.enrichment.code import Enrichment
from forwarder.ingest.body import exceeds_depth
from forwarder.ingest.event import read_event
from forwarder.ingest.validation import validate

OF_FORWARDER = ("receivedAt", "sentAt", "originalTimestamp", "clockOffset")
"""Fields that ingest sets, or that a page's Python never sees."""


class Result(StrEnum):
    """The end of one event's enrichment; the labels of a metric."""

    ENRICHED = "enriched"
    BY_PAGE = "by_page"
    """It says that the page has done it."""
    DROPPED = "dropped"
    """The function returned None."""
    FAILED = "failed"
    """The function raised, or returned what is no event: it is kept as it was."""
    MINIMAL = "minimal"
    """The same where enrichment is required: only the listed fields are kept."""
    WITHHELD = "withheld"
    """The same where no fields are listed: it is not kept."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """The bounds of an enriched event: bytes, and levels of objects and lists in each other."""

    event_bytes: int
    nesting: int


@dataclass(frozen=True, slots=True)
class Enriched:
    """``body``: the event as it is kept, None for not at all; ``fault``: type and place, empty for none."""

    body: bytes | None
    result: Result
    fault: str = ""


def enrich_event(one: Enrichment, body: bytes, address: str | None, bounds: Bounds) -> Enriched:
    """Return what becomes of one normalised event. ``address``: the one that ingest put into its context.

    Raises nothing: whatever the owner's function does is a fault of this one event.
    """
    try:
        event = json.loads(body)
        if version_in(event) is not None:
            return Enriched(body, Result.BY_PAGE)
        aside = _Aside(event, address)
        done = applied(one.function, one.version, event)
        if done is None:
            return Enriched(None, Result.DROPPED)
        return Enriched(_written(aside.back_into(done), bounds), Result.ENRICHED)
    except BaseException as error:  # the owner's code may raise anything
        return _failed(one, body, fault_in(error))


def give_up(one: Enrichment, body: bytes, fault: str) -> Enriched:
    """Return what becomes of an event that the function is not asked about, for it has been failing."""
    try:
        by_page = version_in(json.loads(body)) is not None
    except (ValueError, RecursionError):
        by_page = False
    return Enriched(body, Result.BY_PAGE) if by_page else _failed(one, body, fault)


def _failed(one: Enrichment, body: bytes, fault: str) -> Enriched:
    if not one.required:
        return Enriched(body, Result.FAILED, fault)
    try:
        event = json.loads(body)
        aside = _Aside(event, None)
        kept = least(event, [*KEPT, *one.minimal] if one.minimal else [])
        if kept is not None:
            whole = aside.back_into(marked(kept, one.version))
            return Enriched(_written(whole, Bounds(len(body) + 200, 1_000)), Result.MINIMAL, fault)
    except Exception as error:  # what cannot be made minimal is not kept
        fault = f"{fault}; then {fault_in(error)}"
    return Enriched(None, Result.WITHHELD, fault)


class _Aside:
    """The forwarder's own additions to an event; the code does not see them."""

    def __init__(self, event: dict[str, Any], address: str | None) -> None:
        self._fields = {name: event.pop(name) for name in OF_FORWARDER if name in event}
        self._time = event.get("timestamp")
        if "originalTimestamp" in self._fields:
            event["timestamp"] = self._fields["originalTimestamp"]
        context = event.get("context")
        self._address = None
        if address and isinstance(context, dict) and context.get("ip") == address:
            self._address = context.pop("ip")

    def back_into(self, event: dict[str, Any]) -> dict[str, Any]:
        event |= self._fields
        event["timestamp"] = self._time
        context = event.get("context")
        if self._address and isinstance(context, dict):
            context.setdefault("ip", self._address)
        return event


def _written(event: dict[str, Any], bounds: Bounds) -> bytes:
    """Return the event as JSON. Raises TypeError or ValueError where it is no event any more."""
    body = json.dumps(event, separators=(",", ":"), allow_nan=False).encode()
    read = read_event(body)
    rejection = validate(read, event.get("type")) if read else None
    if read is None or rejection or len(body) > bounds.event_bytes or exceeds_depth(body, bounds.nesting):
        raise ValueError(rejection.code if rejection else "too large, or too deep")
    return body
