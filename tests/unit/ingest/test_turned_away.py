"""What history is given of events that end at ingest: which, why, and no more than the first of them."""

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from forwarder.config.settings import Limits, Source
from forwarder.ingest.event import read_event
from forwarder.ingest.request import IngestRequest
from forwarder.ingest.service import IngestService
from forwarder.ingest.turned_away import dropped, rejected
from forwarder.ingest.validation import Rejection
from forwarder.outcomes import Outcome
from forwarder.sessions.facts import PAGE, SessionRules
from forwarder.spool import NewEvent
from forwarder.spool.history import MOST_REJECTED, TurnedAway

NOW = 1_704_067_200_000
WHY = Rejection("no_event_name", "a track event needs its name")
LARGE_BODY = 65_536


def raw(value: object) -> msgspec.Raw:
    return msgspec.Raw(value if isinstance(value, bytes) else json.dumps(value).encode())


def test_a_rejected_event_is_kept_with_its_place_its_reason_and_what_came() -> None:
    events = [raw({"messageId": "good"}), raw({"messageId": "bad", "type": "track"})]
    assert rejected("web", NOW, [(1, WHY)], events) == [
        TurnedAway(NOW, "web", "bad", "rejected", "no_event_name", b'{"messageId": "bad", "type": "track"}')
    ]


def test_an_event_that_was_read_before_is_written_again() -> None:
    event = read_event(raw({"messageId": "one", "type": "track"}))
    assert event is not None
    assert rejected("web", NOW, [(0, WHY)], [event]) == [
        TurnedAway(NOW, "web", "one", "rejected", "no_event_name", b'{"messageId":"one","type":"track"}')
    ]


@pytest.mark.parametrize(
    ("event", "message_id"),
    [
        (b"{'no': json}", ""),
        (b"5", ""),
        ({"messageId": 5}, ""),
        ({"messageId": "x" * 101}, "x" * 100),
        (rb'{"messageId":"a\ud83d"}', ""),
        ({}, ""),
    ],
)
def test_a_message_id_is_kept_where_it_is_one(event: object, message_id: str) -> None:
    [kept] = rejected("web", NOW, [(0, WHY)], [raw(event)])
    assert kept.message_id == message_id


def test_a_rejected_event_is_cut_and_so_are_many() -> None:
    large = raw({"a": "x" * MOST_REJECTED})
    [kept] = rejected("web", NOW, [(0, WHY)], [large])
    assert kept.body == bytes(large)[:MOST_REJECTED]
    kept_of_many = rejected(
        "web", NOW, [(index, WHY) for index in range(30)], [raw({"i": i}) for i in range(30)]
    )
    assert [json.loads(one.body)["i"] for one in kept_of_many] == list(range(20))


def test_what_the_owners_code_dropped_is_kept_as_filtered() -> None:
    events = [NewEvent("web", f"m{number}", b"x" * (MOST_REJECTED + 1)) for number in range(30)]
    kept = dropped(NOW, events, events[1:2])
    assert kept[0] == TurnedAway(NOW, "web", "m0", "filtered", "enrich", b"x" * MOST_REJECTED)
    assert [one.message_id for one in kept] == ["m0", *(f"m{number}" for number in range(2, 21))]


class _Setup:
    """An ingest whose spool takes all, with what it hands to history and what owners' code is asked."""

    def __init__(self, rules: SessionRules | None = None, **source: Any) -> None:
        self.asked: list[str | None] = []
        self.kept: list[NewEvent] = []
        self.turned_away: list[TurnedAway] = []
        self.recorded: list[tuple[str, Outcome, str, int]] = []
        self.service = IngestService(
            [Source(name="web", write_key="key", **source)],
            Limits(),
            self,
            lambda: NOW,
            lambda *counted: self.recorded.append(counted),
            enricher=self,
            session_rules={"web": rules} if rules else {},
            turn_away=self.turned_away.extend,
        )

    async def append(self, events: Any, now: int) -> list[bool]:
        self.kept += events
        return [True] * len(events)

    async def enrich(self, source: str, events: list[NewEvent], address: str | None) -> list[NewEvent]:
        assert source == "web"
        assert all(event.session is None for event in events), "it may change whose the event is"
        self.asked.append(address)
        kept = [event for event in events if b"drop" not in event.body]
        return [NewEvent(one.source, one.message_id, one.body.replace(b'"old"', b'"new"')) for one in kept]

    async def send(self, body: object, kind: str | None) -> None:
        text = json.dumps(body).encode()
        await self.service.take(
            IngestRequest(body=text, kind=kind, write_key="key", address="203.0.113.9", origin=b"https://a.b")
        )


def track(message_id: str, **more: object) -> dict[str, object]:
    return {"type": "track", "event": "Seen", "userId": "u", "messageId": message_id, **more}


@pytest.mark.parametrize("beside", ["", "x" * LARGE_BODY])
async def test_ingest_hands_rejected_events_to_history(beside: str) -> None:
    setup = _Setup()
    batch = [track("a", properties={"a": beside[:20_000]}), track("b", event=None), *[5] * (len(beside) // 4)]
    await setup.send({"batch": batch[:2_500]}, None)
    assert [event.message_id for event in setup.kept] == ["a"]
    first = setup.turned_away[0]
    assert (first.at, first.source, first.message_id) == (NOW, "web", "b")
    assert (first.outcome, first.reason) == ("rejected", "no_event_name")
    assert json.loads(first.body)["messageId"] == "b"


async def test_ingest_hands_a_single_rejected_event_to_history() -> None:
    setup = _Setup()
    await setup.send(track("b", event=None), "track")
    assert [(one.message_id, one.reason) for one in setup.turned_away] == [("b", "no_event_name")]


async def test_ingest_hands_what_the_owners_code_dropped_to_history(tmp_path: Path) -> None:
    code = tmp_path / "enrich.py"
    code.write_text("")
    setup = _Setup(enrich=code)
    await setup.send({"batch": [track("a"), track("b", properties={"drop": True})]}, None)
    assert [event.message_id for event in setup.kept] == ["a"]
    assert setup.recorded == [("web", Outcome.FILTERED, "enrich", 1)]
    assert [(one.at, one.message_id, one.reason) for one in setup.turned_away] == [(NOW, "b", "enrich")]


async def test_session_rules_look_at_what_the_owners_code_has_made(tmp_path: Path) -> None:
    code = tmp_path / "enrich.py"
    code.write_text("")
    setup = _Setup(SessionRules(source="web"), enrich=code, client_addresses=True)
    await setup.send({"batch": [track("a", anonymousId="old"), track("b", anonymousId="b")]}, None)
    facts = [event.session for event in setup.kept]
    assert [(one.device, one.kind) for one in facts if one] == [("\0dnew", PAGE), ("\0db", PAGE)]
    assert setup.asked == ["203.0.113.9"]
    assert setup.recorded == [], "nothing was dropped"


async def test_a_source_without_code_of_its_own_is_not_enriched() -> None:
    setup = _Setup(SessionRules(source="web"))
    await setup.send(track("a", anonymousId="old"), "track")
    assert setup.asked == []
    [event] = setup.kept
    assert event.session is not None
    assert event.session.device == "\0dold"


async def test_nothing_that_is_accepted_is_handed_to_history_as_turned_away() -> None:
    setup = _Setup()
    await setup.send({"batch": [track("a")]}, None)
    assert len(setup.kept) == 1
    assert setup.turned_away == []
