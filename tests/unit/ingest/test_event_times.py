"""Times of events: clocks that are wrong are corrected, times that are none are counted."""

import json
from typing import Any

import msgspec
import pytest

from forwarder.ingest.event import read_event
from forwarder.ingest.event_times import IMPLAUSIBLE, IMPLAUSIBLE_SENT, UNREADABLE, UNREADABLE_SENT
from forwarder.ingest.normalization import normalize
from forwarder.ingest.validation import Rejection
from forwarder.spool import NewEvent
from tests.support.normalizing import LAST, TRACK, arrival, kept


def test_an_event_s_own_sent_at_counts_before_the_batch_s() -> None:
    own = "2023-12-31T23:00:10.000Z"
    batch = msgspec.Raw(b'"2023-12-31T22:00:00.000Z"')
    event = kept({**TRACK, "timestamp": LAST, "sentAt": own}, sent_at=batch)
    assert (event["sentAt"], event["clockOffset"]) == (own, 3_590_000)


def test_the_original_time_is_the_one_that_was_corrected() -> None:
    """With what was sent as originalTimestamp beside it, the offset could not be undone."""
    other = "2020-05-05T05:05:05.000Z"
    event = kept(
        {**TRACK, "timestamp": LAST, "originalTimestamp": other, "sentAt": "2023-12-31T23:00:10.000Z"}
    )
    assert event["originalTimestamp"] == LAST
    assert event["timestamp"] == "2023-12-31T23:59:50.000Z"


def test_a_skewed_clock_is_corrected_and_the_offset_kept() -> None:
    event = kept(
        {**TRACK, "timestamp": LAST, "sentAt": "2023-12-31T23:00:10.000Z"},
    )
    assert event["timestamp"] == "2023-12-31T23:59:50.000Z"
    assert event["originalTimestamp"] == LAST
    assert event["sentAt"] == "2023-12-31T23:00:10.000Z"
    assert event["receivedAt"] == "2024-01-01T00:00:00.000Z"
    assert event["clockOffset"] == 3_590_000


def test_the_batchs_sent_at_counts_for_its_events() -> None:
    event = kept(
        {**TRACK, "timestamp": "2024-01-01T00:00:00.000Z"}, sent_at=msgspec.Raw(b'"2024-01-01T00:00:01.000Z"')
    )
    assert event["timestamp"] == "2023-12-31T23:59:59.000Z"
    assert event["sentAt"] == "2024-01-01T00:00:01.000Z"
    nulled = kept({**TRACK, "sentAt": None}, sent_at=msgspec.Raw(b'"2024-01-01T00:00:01.000Z"'))
    assert nulled["clockOffset"] == -1_000


def test_without_sent_at_the_time_stands_and_without_time_it_is_now() -> None:
    assert kept({**TRACK, "timestamp": "2020-01-01T00:00:00Z"})["timestamp"] == "2020-01-01T00:00:00.000Z"
    event = kept(TRACK)
    assert event["timestamp"] == event["originalTimestamp"] == event["receivedAt"]
    assert "clockOffset" not in event


@pytest.mark.parametrize("given", ["yesterday", 5, None, {}, ["x"], True])
def test_times_that_are_none_do_not_cost_the_event(given: object) -> None:
    event = kept({**TRACK, "timestamp": given, "sentAt": given})
    assert event["timestamp"] == "2024-01-01T00:00:00.000Z"
    assert event["originalTimestamp"] == (event["timestamp"] if given is None else given)


@pytest.mark.parametrize(
    ("times", "happened", "problems"),
    [
        ({"timestamp": "1763010312345"}, "", IMPLAUSIBLE),  # more than a year after the arrival
        ({"timestamp": "1703010312345"}, "2023-12-19T18:25:12.345Z", ""),
        ({"timestamp": 1703010312345}, "2023-12-19T18:25:12.345Z", ""),
        ({"timestamp": "01/02/2024"}, "", UNREADABLE),
        ({"timestamp": ""}, "", UNREADABLE),
        ({"timestamp": {}}, "", UNREADABLE),
        ({"timestamp": None, "sentAt": None}, "", ""),
        ({"timestamp": "1763-01-03T12:34:00Z"}, "", IMPLAUSIBLE),
        ({"timestamp": "0001-01-01T00:00:00Z", "sentAt": "2024-01-01T00:00:00Z"}, "", ""),
        ({"timestamp": "1970-01-01T00:00:00.000Z"}, "", ""),
        (
            {"timestamp": LAST, "sentAt": "0001-01-01T00:00:00Z"},
            LAST,
            "",
        ),
        (
            {"timestamp": LAST, "sentAt": "1970-01-01T00:00:00Z"},
            LAST,
            "",
        ),
        (
            {"timestamp": LAST, "sentAt": "soon"},
            LAST,
            UNREADABLE_SENT,
        ),
        (
            {"timestamp": LAST, "sentAt": "2001-01-01T00:00:00Z"},
            LAST,
            IMPLAUSIBLE_SENT,
        ),
    ],
)
def test_times_that_cannot_be_used_are_counted(times: dict[str, Any], happened: str, problems: str) -> None:
    common = arrival()
    done = normalize(read_event(json.dumps({**TRACK, **times}).encode()), common)
    assert isinstance(done, NewEvent)
    event = json.loads(done.body)
    assert event["timestamp"] == (happened or "2024-01-01T00:00:00.000Z")
    assert common.time_problems == ({problems: 1} if problems else {})
    if problems in (IMPLAUSIBLE_SENT, UNREADABLE_SENT):
        assert "clockOffset" not in event


@pytest.mark.parametrize(
    ("times", "code"),
    [
        ({"timestamp": "yesterday"}, UNREADABLE),
        ({"timestamp": "9999-12-31T00:00:00Z"}, IMPLAUSIBLE),
        ({"timestamp": "2024-01-01T00:00:00Z", "sentAt": "soon"}, UNREADABLE_SENT),
    ],
)
def test_a_strict_source_is_told_of_times(times: dict[str, Any], code: str) -> None:
    done = normalize(read_event(json.dumps({**TRACK, **times}).encode()), arrival(strict=True))
    assert isinstance(done, Rejection)
    assert done.code == code


def test_the_batchs_sent_at_may_be_wrong_as_well() -> None:
    common = arrival(sent_at=msgspec.Raw(b'"0001-01-01T00:00:00Z"'))
    done = normalize(read_event(json.dumps({**TRACK, "timestamp": LAST}).encode()), common)
    assert isinstance(done, NewEvent)
    assert json.loads(done.body)["timestamp"] == LAST
    unreadable = arrival(sent_at=msgspec.Raw(b"1e999"))
    assert isinstance(normalize(read_event(json.dumps(TRACK).encode()), unreadable), NewEvent)


def test_rudderstacks_name_of_the_time_is_understood() -> None:
    times = {"originalTimestamp": "2024-01-01T00:00:00.000Z", "sentAt": "2024-01-01T00:00:01.000Z"}
    for event in ({**TRACK, **times}, {**TRACK, **times, "timestamp": None}):
        done = kept(event)
        assert done["timestamp"] == "2023-12-31T23:59:59.000Z"
        assert done["originalTimestamp"] == times["originalTimestamp"]


def test_odd_times_are_counted_one_by_one() -> None:
    request = arrival()
    for _ in range(3):
        normalize(read_event(json.dumps({**TRACK, "timestamp": "soon"}).encode()), request)
    assert request.time_problems == {UNREADABLE: 3}


def test_times_beyond_the_calendar_do_not_cost_the_event() -> None:
    event = kept(
        {**TRACK, "timestamp": "9999-12-31T23:59:59.999Z", "sentAt": "0001-01-01T00:00:00Z"},
    )
    assert event["timestamp"] == event["receivedAt"]
