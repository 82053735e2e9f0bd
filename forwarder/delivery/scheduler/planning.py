"""From an event in the spool to what is to be sent of it, and the keys that order it among others."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Protocol

import orjson

from browser_plugin.destinations import may_receive
from forwarder.amplitude.wire.endpoints import HTTPAPI, Endpoint
from forwarder.amplitude.wire.items import Item
from forwarder.delivery.faults import Faults
from forwarder.delivery.scheduler.job import Job
from forwarder.errors import ForwarderError, MappingError, PayloadError
from forwarder.faults import fault_of
from forwarder.javascript.tolerant_json import read_tolerantly
from forwarder.spool import StoredEvent
from forwarder.spool.suppression import NOBODY, Suppression, user_key

NOT_ROUTED = "source not routed here"
USER_DELETED = "user deleted"
EXCLUDED = "excluded by integrations"
NO_TRIGGER = "no trigger matched"
NO_SUBSCRIPTION = "no subscription is on"
"""Why an event is filtered: its source goes elsewhere, its user was deleted, it says so itself, no mapping
wants it, or the destination has no mapping that is switched on."""


class Planner(Protocol):
    """The interface of a destination, as delivery needs it."""

    api_key: str
    secret_key: str

    @property
    def url(self) -> Callable[[Endpoint], str]:
        """What returns an endpoint's address."""
        ...

    @property
    def is_on(self) -> bool:
        """Whether a subscription is switched on."""
        ...

    def items(self, event: Mapping[str, object]) -> tuple[Sequence[Item], Sequence[ForwarderError]]:
        """Return what to send for the event, written and in order, and what is wrong with the rest."""
        ...


def plan_job(
    event: StoredEvent,
    planner: Planner,
    sources: frozenset[str] | None,
    suppression: Suppression = NOBODY,
) -> tuple[Job, str]:
    """Return the event as a job, and why it is filtered where there is nothing to do.

    Whatever goes wrong with one event ends in its own reason, never in the way of others. ``suppression``:
    the deleted users. An event without a body was removed with its user.
    """
    if not event.body or (sources is not None and event.source not in sources):
        return Job(event, [], (), size=len(event.body)), NOT_ROUTED if event.body else USER_DELETED
    try:
        body = read_body(event.body)
        some_deleted = bool(suppression)
        if some_deleted and suppression.covers(event, _own_user(body)):
            return Job(event, [], (), size=len(event.body)), USER_DELETED
        integrations = body.get("integrations")
        if integrations and _is_excluded(integrations):
            return Job(event, [], (), size=len(event.body)), EXCLUDED
        items, errors = planner.items(body)
        job = _job_of(event, items)
        if some_deleted and suppression.covers(event, job.keys):
            return Job(event, [], (), size=len(event.body)), USER_DELETED
    except Exception as error:  # the reason names it; the event stays in the dead letters
        job = Job(event, [], (), size=len(event.body))
        retry = job.retry_state()
        retry.reason = "cannot be planned"
        retry.errors = [f"{fault_of(error)}: {error}"]
        return job, ""
    if errors:
        _note_errors(job, errors)
    return job, "" if items or errors else why_unmatched(planner)


def _job_of(event: StoredEvent, items: Sequence[Item]) -> Job:
    """Return the job, whose keys are the users and devices that the items speak of; none: its own.

    Groups are no keys: a user who has to wait would hold up all who belong to the same company.
    """
    size = len(event.body)
    keys: dict[str, None] = {}  # in order, each once
    for item in items:
        user, device = item.body.get("user_id"), item.body.get("device_id")
        if user:
            keys[f"u{user}"] = None
        if device:
            keys[f"d{device}"] = None
        if item.endpoint is not HTTPAPI:
            keys.update(dict.fromkeys(_other_users(item.body)))
        item.drop_body(user, device)
        size += len(item.data)
    if "\n" in "".join(keys):  # which is what the spool writes between them
        keys = dict.fromkeys(key.replace("\n", " ") for key in keys)
    return Job(event, list(items), tuple(keys) or (f"#{event.seq}",), size=size)


def _other_users(body: Mapping[str, object]) -> Iterator[str]:
    """Yield the ordering keys of users that are not named as in events."""
    if other := body.get("global_user_id"):
        yield f"u{other}"
    if isinstance(others := body.get("user_ids"), list):
        yield from (f"u{other}" for other in others)


def _note_errors(job: Job, errors: Sequence[ForwarderError]) -> None:
    """Have the job end as a dead letter once its items have ended."""
    retry = job.retry_state()
    retry.reason, retry.errors = _kind(errors[0]), [str(error) for error in errors]


def why_unmatched(planner: Planner) -> str:
    """Return why nothing is made of an event that nothing forbids."""
    return NO_TRIGGER if planner.is_on else NO_SUBSCRIPTION


class JobPlanner:
    """The planner of one destination's jobs: what ``plan_job`` makes, and no more of what is given up."""

    def __init__(
        self, planner: Planner, sources: frozenset[str] | None, suppression: Suppression, faults: Faults
    ) -> None:
        self._planner, self._sources, self._suppression = planner, sources, suppression
        self.faults = faults

    def plan(self, event: StoredEvent) -> tuple[Job, str]:
        """Return an event's job, and why it is filtered where there is nothing to do."""
        if self.faults and self.faults.is_over(event.seq):
            return Job(event, [], (), size=len(event.body)), ""
        return plan_job(event, self._planner, self._sources, self._suppression)


def _own_user(body: Mapping[str, object]) -> tuple[str, ...]:
    """Return the ordering key of the user that the event itself names, whatever mappings make of it."""
    user = body.get("userId")
    named = isinstance(user, (str, int)) and not isinstance(user, bool) and user != ""
    return (user_key(user),) if named else ()


def why_skipped(source: str, integrations: object, sources: frozenset[str] | None) -> str:
    """Return why a destination gets nothing of an event, whatever its mappings say; empty where it may.

    ``sources``: names of those whose events go there; None: all.
    """
    if sources is not None and source not in sources:
        return NOT_ROUTED
    return EXCLUDED if integrations and _is_excluded(integrations) else ""


def _is_excluded(integrations: object) -> bool:
    """Return whether an event's integrations keep it away, as ``may_receive`` has it.

    They do so by a false somewhere, so most are not looked at any closer.
    """
    if isinstance(integrations, dict) and False not in integrations.values():
        return False
    return not may_receive(integrations)


def read_body(text: bytes) -> Any:
    """Return the event; a number that no double holds is null, as where JavaScript sends it on."""
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return read_tolerantly(text)


def _kind(error: ForwarderError) -> str:
    if isinstance(error, PayloadError):
        return "invalid fields"
    return "mapping failed" if isinstance(error, MappingError) else "cannot be planned"
