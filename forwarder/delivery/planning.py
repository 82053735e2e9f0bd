"""From an event in the spool to what is to be sent of it, and the keys that order it among others."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import orjson

from browser_plugin.destination import may_go
from forwarder.amplitude.endpoints import HTTPAPI, Endpoint
from forwarder.amplitude.items import Item
from forwarder.delivery.work import Part, Work
from forwarder.errors import ForwarderError, MappingError, PayloadError
from forwarder.faults import fault_of
from forwarder.javascript.tolerant_json import read_tolerantly
from forwarder.spool import Spooled

EXCLUDED = "excluded by integrations"
"""Why an event is filtered that says it is not for the destination."""


class Planner(Protocol):
    """What delivery needs of a destination."""

    api_key: str
    secret_key: str

    @property
    def url(self) -> Callable[[Endpoint], str]:
        """What returns an endpoint's address."""
        ...

    def items(self, event: Mapping[str, object]) -> tuple[Sequence[Item], Sequence[ForwarderError]]:
        """Return what to send for the event, written and in order, and what is wrong with the rest."""
        ...


def plan(event: Spooled, planner: Planner, sources: frozenset[str] | None) -> tuple[Work, str]:
    """Return the event as work, and why it is filtered where there is nothing to do.

    Whatever goes wrong with one event ends in its own reason, never in the way of others.
    """
    if sources is not None and event.source not in sources:
        return Work(event, [], (), size=len(event.body)), "source not routed here"
    try:
        body = _read(event.body)
        integrations = body.get("integrations")
        if integrations and not may_go(integrations):
            return Work(event, [], (), size=len(event.body)), EXCLUDED
        items, errors = planner.items(body)
        work = Work(event, [], _keys(items) or (f"#{event.seq}",))
        work.size = len(event.body)
        for item in items:
            work.parts.append(_part(item))
            work.size += len(item.data)
    except Exception as error:  # the reason names it; the event stays in the dead letters
        work = Work(event, [], (), size=len(event.body))
        trouble = work.troubled()
        trouble.reason = "cannot be planned"
        trouble.errors = [f"{fault_of(error)}: {error}"]
        return work, ""
    if errors:
        trouble = work.troubled()
        trouble.reason, trouble.errors = _kind(errors[0]), [str(error) for error in errors]
    return work, "" if items or errors else "no trigger matched"


def _part(item: Item) -> Part:
    user, device = item.body.get("user_id"), item.body.get("device_id")
    return Part(
        item.endpoint,
        item.data,
        item.min_id_length,
        item.after_previous,
        user if isinstance(user, str) else None,
        device if isinstance(device, str) else None,
    )


def _read(text: bytes) -> Any:
    """Return the event; a number that no double holds is null, as where JavaScript sends it on."""
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return read_tolerantly(text)


def _kind(error: ForwarderError) -> str:
    if isinstance(error, PayloadError):
        return "invalid fields"
    return "mapping failed" if isinstance(error, MappingError) else "cannot be planned"


def _keys(items: Sequence[Item]) -> tuple[str, ...]:
    """Return the users and devices the items speak of; none: it waits for nobody.

    Groups are no keys: a user who has to wait would hold up all who belong to the same company.
    """
    keys: dict[str, None] = {}  # in order, each once
    for item in items:
        body = item.body
        user, device = body.get("user_id"), body.get("device_id")
        if user:
            keys[f"u{user}"] = None
        if device:
            keys[f"d{device}"] = None
        if item.endpoint is HTTPAPI:
            continue
        if other := body.get("global_user_id"):
            keys[f"u{other}"] = None
        if isinstance(others := body.get("user_ids"), list):
            keys.update((f"u{other}", None) for other in others)
    if "\n" in "".join(keys):  # which is what the spool writes between them
        return tuple(key.replace("\n", " ") for key in keys)
    return tuple(keys)
