"""What hostile events and answers may cost, and what our own faults do to a batch."""

import json
from urllib.parse import parse_qs

import orjson
import pytest

from forwarder import metrics
from forwarder.amplitude import AmplitudeDestination
from forwarder.amplitude.wire.endpoints import Endpoint
from forwarder.amplitude.wire.items import Item
from forwarder.amplitude.wire.requests import Keys, encode
from forwarder.amplitude.wire.responses import Action, UpstreamResponse, read_response
from forwarder.delivery.scheduler.planning import plan_job
from forwarder.delivery.state_metrics import show_counts
from forwarder.errors import MappingError
from forwarder.mapping import compile_mapping
from forwarder.spool import Counts, Standing, StoredEvent
from tests.support.simulation.items import sent_item
from tests.support.simulation.lines import NOW, OK, due, event, line
from tests.support.simulation.spool import Destination

EMOJI = "\U0001f600"


def planned(**more: object) -> tuple[int, int, list[bytes], str]:
    body = {"type": "track", "event": "Order Completed", "userId": "u-12345", "messageId": "m", **more}
    destination = AmplitudeDestination({"apiKey": "k", "secretKey": "s"})
    work, _ = plan_job(StoredEvent(1, NOW, "s", "m", orjson.dumps(body)), destination, None)
    return len(work.items), work.size, [part.data for part in work.items], work.reason


def test_what_one_event_becomes_is_bounded() -> None:
    parts, size, _, reason = planned(properties={"products": [{}] * 5400}, context={"locale": "x" * 16000})
    assert (parts, reason) == (101, "invalid fields")
    assert size < 4_100_000
    parts, _, _, reason = planned(traits={"$set": EMOJI * 5600}, context={"page": {"referrer": "x"}})
    assert (parts, reason) == (0, "invalid fields")


def test_no_half_character_is_written() -> None:
    _, _, written, _ = planned(type="identify", traits={"$set": EMOJI}, context={"page": {"referrer": "x"}})
    assert written
    assert all(b"\\ud" not in data and orjson.loads(data) for data in written)


def test_flattening_is_bounded() -> None:
    value: object = 1
    for _ in range(60):
        value = {"k" * 400: value, "l": [0] * 200}
    flatten = compile_mapping({"f": {"@flatten": {"value": {"@path": "$.v"}, "separator": "."}}})
    with pytest.raises(MappingError, match="grows beyond"):
        flatten({"v": value, "w": value, "x": value})


def test_a_fault_of_ours_is_tried_again_then_halved_then_a_dead_letter(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    one, kept, now = line(), Destination(), NOW
    one.loader.take([event(n, f"u{n}") for n in range(1, 9)], NOW)
    sizes = []
    for _ in range(12):
        for batch in due(one, kept, now):
            sizes.append(len(batch.jobs))
            bad = any(work.event.seq == 5 for work in batch.jobs)
            one.answered(batch, UpstreamResponse(0, b"TypeError at x.py:1", "fault") if bad else OK, now)
        now += 31_000
        kept.settle(one.settlement())
    assert sizes[:2] == [8, 8]
    assert [letter.event.seq for letter in kept.dead.values()] == [5]
    assert kept.dead[1].reason == "our fault: TypeError at x.py:1"
    assert kept.cursor == 8


@pytest.mark.parametrize("status", [407, 421, 425, 426, 431])
def test_a_refusal_of_the_connection_is_no_events_fault(status: int) -> None:
    [decision] = read_response(Endpoint.HTTPAPI, [sent_item("u")], UpstreamResponse(status))
    assert (decision.action, decision.destination_fault) == (Action.RETRY, True)


def test_only_our_names_become_labels() -> None:
    said = orjson.dumps({"events_with_invalid_fields": {"x" * 900_000: [0]}})
    [decision] = read_response(Endpoint.HTTPAPI, [sent_item("u")], UpstreamResponse(400, said))
    assert decision.reason.startswith("invalid field: x")
    assert len(decision.reason) < 250
    [decision] = read_response(Endpoint.IDENTIFY, [sent_item("u")], UpstreamResponse(400, b"e" * 5000))
    assert len(decision.reason) < 250


def test_the_longer_hold_counts() -> None:
    said = orjson.dumps({"throttled_users": {"u": 1}, "exceeded_daily_quota_users": {"u": 1}})
    [decision] = read_response(Endpoint.HTTPAPI, [sent_item("u")], UpstreamResponse(429, said))
    assert decision.reason == "daily quota"


@pytest.mark.parametrize("endpoint", [Endpoint.IDENTIFY, Endpoint.GROUPIDENTIFY, Endpoint.USERMAP])
def test_forms_carry_their_options(endpoint: Endpoint) -> None:
    one = Item(endpoint, {}, 3, data=b"{}")
    form = parse_qs(encode(endpoint, [one], 3, Keys("k")).content.decode(), strict_parsing=True)
    assert json.loads(form["options"][0]) == {"min_id_length": 3}


def test_counters_begin_anew_with_a_destination_that_comes_back() -> None:
    for accepted in (5, 2):
        standing = Standing(accepted, 0, {("delivered", ""): accepted}, 0, 0, 0)
        show_counts(Counts(0, 0, None, {"back": standing}), NOW)
    assert metrics.ACCEPTED.values() == {("back",): 2}
    show_counts(Counts(0, 0, None, {}), NOW)
    assert metrics.ACCEPTED.values() == {}, "it is gone"
