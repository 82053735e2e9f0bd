"""Events become the requests that Segment's destination was recorded to send."""

import json
import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Any
from urllib.parse import parse_qs

import pytest

from forwarder.amplitude import AmplitudeDestination, Call, Endpoint, Item
from forwarder.amplitude.wire.requests import encode
from forwarder.delivery.scheduler.batch import Batch
from forwarder.delivery.scheduler.planning import read_body
from forwarder.errors import ConfigError, PayloadError
from tests.support.simulation.wire import batches_of, job_of
from tests.vectors.stored import cases, check_each, in_parts, known_differences, names

FROZEN_CLOCK = 1_767_225_600_000
"""The recordings' clock, ms since the epoch."""

RECORDED = [
    case
    for group in ("presets", "actions")
    for case in cases(group)
    if case["id"] not in known_differences(group)
]


@in_parts(RECORDED)
def test_recorded(part: list[dict[str, Any]]) -> None:
    check_each(part, check_recorded)


def check_recorded(case: dict[str, Any]) -> None:
    error = case["error"] or {}
    subscriptions = None if case.get("preset") else case["subscriptions"]
    try:
        destination = configured(json.dumps([case["settings"], subscriptions]))
    except ConfigError:
        assert error["fields"]
        return
    planned = destination.plan(case["event"])
    sent = [as_recorded(call) for plan in planned for call in plan.calls]
    errors = [plan.error for plan in planned if plan.error]
    if error.get("name") == "TypeError":
        # The reference stumbles over a null context; here it counts as absent.
        assert case["event"]["context"] is None
        assert not errors
        return
    wanted = [unpacked(request) for request in case["requests"]]
    if error.get("name") == "HTTPError":
        # What an answer means for the next request is the delivery's business: here all are planned.
        sent = sent[: len(wanted)]
    else:
        assert bool(errors) == bool(error)
    drop_own_ids(sent, wanted, case["event"].get("messageId"))
    assert sent == wanted
    if error.get("name") == "AggregateAjvError":
        places = {place for one in errors if isinstance(one, PayloadError) for place in one.fields}
        assert {field["path"] for field in error["fields"]} <= places


@in_parts(RECORDED)
def test_what_plan_shows_are_the_bytes_that_delivery_sends(part: list[dict[str, Any]]) -> None:
    check_each(part, check_what_plan_shows_are_the_bytes_that_delivery_sends)


def check_what_plan_shows_are_the_bytes_that_delivery_sends(case: dict[str, Any]) -> None:
    subscriptions = None if case.get("preset") else case["subscriptions"]
    try:
        destination = configured(json.dumps([case["settings"], subscriptions]))
    except ConfigError:
        return
    job = job_of(case["event"], destination)
    plans = destination.plan(read_body(job.event.body))
    assert [item.data for item in job.items] == [item.data for one in plans for item in one.items]
    left = list(job.items)
    for planned in plans:
        its, left = left[: len(planned.items)], left[len(planned.items) :]
        sent = [
            (destination.url(batch.endpoint), encode(*of_batch(batch), destination.keys).content)
            for batch in batches_of(job, its)
        ]
        assert [(call.url, call.content) for call in planned.calls] == sent
        for call in planned.calls:
            assert said(call.content) == (call.json or call.form)
            hidden = {**said(call.content), "api_key": "..."}
            assert said(call.masked) == hidden
    assert not left


def of_batch(batch: Batch) -> tuple[Endpoint, list[Item], float | None]:
    return batch.endpoint, batch.items, batch.min_id_length


def said(content: bytes) -> dict[str, Any]:
    """Return what a request's body says, read by nothing of the forwarder's own."""
    if content.startswith(b"{"):
        read: dict[str, Any] = json.loads(content)
        return read
    read = parse_qs(content.decode(), keep_blank_values=True, strict_parsing=True)
    return {name: text for name, [text] in read.items()}


OFF = [
    case for case in cases("actions") if "switched off" in known_differences("actions").get(case["id"], "")
]
HALF = [case for case in cases("actions") if "U+FFFD" in known_differences("actions").get(case["id"], "")]


@pytest.mark.parametrize("case", HALF, ids=names(HALF))
def test_half_characters_are_replaced_and_nothing_else_differs(case: dict[str, Any]) -> None:
    planned = AmplitudeDestination(case["settings"], case["subscriptions"]).plan(case["event"])
    sent = [as_recorded(call) for plan in planned for call in plan.calls]
    wanted = [unpacked(request) for request in case["requests"]]
    drop_own_ids(sent, wanted, case["event"].get("messageId"))
    assert sent != wanted
    halves = re.compile("[\ud800-\udfff]")
    whole = json.loads(halves.sub("\N{REPLACEMENT CHARACTER}", json.dumps(wanted, ensure_ascii=False)))
    assert sent == whole


@pytest.mark.parametrize("case", OFF, ids=names(OFF))
def test_what_is_switched_off_sends_nothing(case: dict[str, Any]) -> None:
    assert not any(one["enabled"] for one in case["subscriptions"])
    assert case["requests"]
    assert AmplitudeDestination(case["settings"], case["subscriptions"]).plan(case["event"]) == []


@lru_cache
def configured(configuration: str) -> AmplitudeDestination:
    settings, subscriptions = json.loads(configuration)
    return AmplitudeDestination(settings, subscriptions, clock=lambda: FROZEN_CLOCK)


def as_recorded(call: Call) -> dict[str, Any]:
    """Return our request as the recordings write it."""
    body = {"json": call.json} if call.json is not None else {"form": call.form}
    return unpacked({"method": call.method, "url": call.url, **body})


def unpacked(request: dict[str, Any]) -> dict[str, Any]:
    """Return the request with the texts in its form read, and without the text ``undefined`` for options."""
    kept: dict[str, Any] = {name: request[name] for name in ("method", "url", "json") if name in request}
    if "form" in request:
        kept["form"] = {
            name: value if name == "api_key" else json.loads(value)
            for name, value in request["form"].items()
            if value != "undefined"
        }
    return kept


def identified(request: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield what can carry an insert_id."""
    yield from request.get("json", {}).get("events", [])
    identification = request.get("form", {}).get("identification", [])
    yield from identification if isinstance(identification, list) else [identification]


def drop_own_ids(sent: list[dict[str, Any]], wanted: list[dict[str, Any]], message_id: str | None) -> None:
    """Take out of ``sent`` the insert_ids that the reference has not: the message id, or made from it.

    No two are the same: of those, Amplitude would keep one.
    """
    made = []
    for ours, theirs in zip(sent, wanted, strict=False):
        for our_body, their_body in zip(identified(ours), identified(theirs), strict=False):
            if "insert_id" not in their_body and "insert_id" in our_body:
                made.append(our_body.pop("insert_id"))
    assert len(set(made)) == len(made)
    if made:
        assert message_id
        assert all(one == message_id or one.startswith(f"{message_id}-") for one in made)
        assert len(made) > 1 or made == [message_id]
