"""What an answer of Amplitude means for each item of the request it answers.

A pure function of (what was sent, status, body). Documented: https://amplitude.com/docs/apis/analytics/http-v2
and the pages on the batch, identify, group identify and user mapping endpoints.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import StrEnum
from typing import NamedTuple

import orjson

from forwarder.amplitude.actions.fields import ACTIONS
from forwarder.amplitude.wire.endpoints import Endpoint
from forwarder.amplitude.wire.items import Item
from forwarder.text import one_line

SECOND = 1000
HOLD_MS = {Endpoint.BATCH: 15 * SECOND, Endpoint.IDENTIFY: 15 * SECOND}
"""How long a throttled user or device is left alone, where the endpoint's own page says so."""
HOLD_OTHER_MS = 30 * SECOND
HOLD_PROJECT_MS = 60 * SECOND
HOLD_QUOTA_MS = 3600 * SECOND
"""Daily quotas are counted over a rolling day in steps of an hour."""


LONGEST_REASON = 200
"""Characters of Amplitude's own words that a reason holds."""
_FIELDS = frozenset().union(*ACTIONS.values()) | {"revenue_type", "partner_id"}
"""Fields that items may have: the only names that an answer can bring into the label of a metric."""


class Action(StrEnum):
    """The action to take for an item."""

    ACCEPTED = "accepted"
    RESEND = "resend"
    """Not accepted, through no fault of its own: send it again at once."""
    HOLD = "hold"
    """Not accepted: leave its user and device alone for ``wait_ms``. Not a failed try."""
    PAUSE = "pause"
    """Not accepted: leave the whole destination alone for ``wait_ms``. Not a failed try."""
    RETRY = "retry"
    """Failed for now: again later, for as long as the budget of time lasts."""
    HALVE = "halve"
    """Send it again at once with half as many beside it."""
    DEAD = "dead"
    STOP = "stop"
    """The destination itself is refused: keep everything until that is mended."""
    FAULT = "fault"
    """Our own code failed over it: once more, then with half as many beside it, then a dead letter."""


class Decision(NamedTuple):
    """The decision about one item; the part of ``reason`` before a colon is one of a few.

    ``may_be_accepted``: Amplitude may have counted it; ``destination_fault``: no item can be at fault.
    """

    action: Action
    reason: str = ""
    wait_ms: int = 0
    may_be_accepted: bool = False
    destination_fault: bool = False


class UpstreamResponse(NamedTuple):
    """Amplitude's response. ``status`` 0: nothing of use; ``failure`` then says why, in one of a few words.

    ``unreachable``: the request never went out. ``broken``: it may have arrived (time-out, reset connection).
    ``encoded``: an answer came in a content encoding that was not asked for. ``fault``: our own code failed.
    ``body`` then holds our own words for it: the system's error, or the place in the code.
    """

    status: int
    body: bytes = b""
    failure: str = ""


ACCEPTED = Decision(Action.ACCEPTED)
RESEND = Decision(Action.RESEND)


def is_accepted(endpoint: Endpoint, answer: UpstreamResponse) -> bool:
    """Return whether Amplitude has taken everything.

    A login page or a proxy in between says 200, too: only Amplitude's own words count.
    """
    if not 200 <= answer.status < 300:
        return False
    if endpoint in (Endpoint.HTTPAPI, Endpoint.BATCH):
        return _object(answer.body).get("code") == 200
    return not _is_page(answer)


def read_response(endpoint: Endpoint, sent: Sequence[Item], answer: UpstreamResponse) -> list[Decision]:
    """Return one decision for each item sent, in order."""
    if is_accepted(endpoint, answer):
        return [ACCEPTED] * len(sent)
    status = answer.status
    if status == 413:
        return _suspects(sent, Decision(Action.DEAD, "payload too large"))
    if status == 429:
        return _throttled(endpoint, sent, _object(answer.body))
    if not 400 <= status < 500 or status in _NOT_OF_ITEMS or _is_page(answer):
        return [_failure(answer)] * len(sent)
    if status == 400:
        return _bad_request(sent, _object(answer.body))
    return _suspects(sent, Decision(Action.DEAD, f"refused with status {status}"))


_OF_CONNECTION = frozenset({407, 421, 425, 426, 431})
"""Refused for the connection or the request's head, such as a head that is too large."""
_NOT_OF_ITEMS = frozenset({401, 403, 404, 405, 408}) | _OF_CONNECTION
"""No item is at fault, so none may become a dead letter for it."""


def _is_page(answer: UpstreamResponse) -> bool:
    """Return whether something in between answered: Amplitude says nothing in HTML."""
    return answer.body.lstrip().startswith(b"<")


def _failure(answer: UpstreamResponse) -> Decision:
    """Return what to do about an answer that says nothing of the items."""
    status = answer.status
    if status == 0:
        out = answer.failure != "unreachable"
        kind = answer.failure or "broken"
        why = one_line(answer.body.decode("utf-8", "replace"), LONGEST_REASON)
        reason = f"{kind}: {why}" if why else kind
        return Decision(Action.RETRY, reason, may_be_accepted=out, destination_fault=not out)
    if status == 401 and not _is_page(answer):
        return Decision(Action.STOP, "credentials refused")
    if status == 503 or (status in _OF_CONNECTION and not _is_page(answer)):
        return Decision(Action.RETRY, f"status {status}", destination_fault=True)
    if status >= 500 or status == 408:
        return Decision(Action.RETRY, f"status {status}", may_be_accepted=True)
    if status == 403:
        # A sanctioned region among them, or a firewall that refuses us as such: time will tell.
        return Decision(Action.RETRY, "forbidden")
    if status < 400 or status in (404, 405):
        elsewhere = f"status {status}: is base_url right?"
        return Decision(Action.RETRY, elsewhere, may_be_accepted=status < 300, destination_fault=True)
    return Decision(Action.RETRY, f"status {status}: not Amplitude's words")


def _suspects(sent: Sequence[Item], alone: Decision) -> list[Decision]:
    """Something in the request is at fault: halve until it stands alone."""
    if len(sent) == 1:
        return [alone]
    return [Decision(Action.HALVE, alone.reason)] * len(sent)


def _bad_request(sent: Sequence[Item], said: dict[str, object]) -> list[Decision]:
    message = said.get("error")
    error = one_line(message, LONGEST_REASON) if isinstance(message, str) else ""
    if error.startswith("Invalid API key") or said.get("missing_field") == "api_key":
        return [Decision(Action.STOP, "invalid API key")] * len(sent)
    named: dict[int, Decision] = {}
    for field, why in (
        ("events_with_invalid_fields", "invalid"),
        ("events_with_missing_fields", "missing"),
        ("events_with_invalid_id_lengths", "invalid length of"),
    ):
        for name, indexes in _pairs(said.get(field)):
            for index in _indexes(indexes, sent):
                named.setdefault(index, Decision(Action.DEAD, f"{why} {_field(name)}"))
    for index in _indexes(said.get("silenced_events"), sent):
        named.setdefault(index, Decision(Action.DEAD, "silenced"))
    silenced = set(_names(said.get("silenced_devices")))
    for index, item in enumerate(sent):
        if item.device_id in silenced:
            named.setdefault(index, Decision(Action.DEAD, "silenced"))
    # The HTTP V2 API names only the first bad event: what is left may be refused once more.
    if named:
        return [named.get(index, RESEND) for index in range(len(sent))]
    return _suspects(sent, Decision(Action.DEAD, f"refused: {error or 'bad request'}"))


def _throttled(endpoint: Endpoint, sent: Sequence[Item], said: dict[str, object]) -> list[Decision]:
    short = Decision(Action.HOLD, "throttled", HOLD_MS.get(endpoint, HOLD_OTHER_MS))
    long = Decision(Action.HOLD, "daily quota", HOLD_QUOTA_MS)
    users = dict.fromkeys(_names(said.get("throttled_users")), short)
    users.update(dict.fromkeys(_names(said.get("exceeded_daily_quota_users")), long))
    devices = dict.fromkeys(_names(said.get("throttled_devices")), short)
    devices.update(dict.fromkeys(_names(said.get("exceeded_daily_quota_devices")), long))
    indexes = set(_indexes(said.get("throttled_events"), sent))
    decisions = []
    for index, item in enumerate(sent):
        held = [
            users.get(item.user_id or ""),
            devices.get(item.device_id or ""),
            short if index in indexes else None,
        ]
        decisions.append(max(filter(None, held), key=lambda one: one.wait_ms, default=RESEND))
    if any(decision.action is Action.HOLD for decision in decisions):
        return decisions
    return [Decision(Action.PAUSE, "project throttled", HOLD_PROJECT_MS)] * len(sent)


def _object(body: bytes) -> dict[str, object]:
    try:
        said = orjson.loads(body)
    except ValueError:
        said = body.decode("utf-8", "replace").strip()  # the form endpoints answer in plain text
    return said if isinstance(said, dict) else {"error": said if isinstance(said, str) else ""}


def _field(name: str) -> str:
    """Return the name of a field as a reason has it: before a colon only names that we know ourselves."""
    if name in _FIELDS:
        return name
    return f"field: {one_line(name, LONGEST_REASON)}"


def _pairs(value: object) -> Iterable[tuple[str, object]]:
    return value.items() if isinstance(value, dict) else ()


def _names(value: object) -> Iterable[str]:
    return [name for name in value if isinstance(name, str)] if isinstance(value, dict | list) else ()


def _indexes(value: object, sent: Sequence[Item]) -> Iterable[int]:
    if not isinstance(value, list):
        return ()
    return [index for index in value if type(index) is int and 0 <= index < len(sent)]
