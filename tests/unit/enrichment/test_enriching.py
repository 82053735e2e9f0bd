"""An owner's function and one event: what it is given, what may come of it, what cannot go wrong."""

import json
from collections.abc import Callable
from itertools import islice
from typing import Any

import pytest

from browser_plugin.enrichment import MARK, answered, applied, fault_in, page_of, version_in
from browser_plugin.owner.refusals import problems_of
from browser_plugin.owner_freeze.events import made_up
from forwarder.enrichment.code import Enrichment
from forwarder.enrichment.comparison import differences
from forwarder.enrichment.event import OF_FORWARDER, Bounds, Enriched, Result, enrich_event
from tests.support.enriched import Event, stored

BOUNDS = Bounds(32_768, 64)


def ended(function: Callable[[Event, Event], Any], event: Event | None = None, **options: Any) -> Enriched:
    one = Enrichment("v1", function, **options)
    return enrich_event(one, json.dumps(event or stored()).encode(), "192.0.2.1", BOUNDS)


def raises(event: Event, page: Event) -> None:
    event.clear()
    raise KeyError("bob@example.com")


def test_the_function_sees_the_event_as_it_was_sent() -> None:
    seen: list[Any] = []

    def enrich(event: Event, page: Event) -> Event:
        seen.append((json.loads(json.dumps(event)), dict(page)))
        event["properties"]["n"] += 1
        event |= {"messageId": "other", "type": "page", "timestamp": "1970-01-01T00:00:00Z", "receivedAt": 5}
        return event

    done = ended(enrich)
    [(event, page)] = seen
    assert event == {
        "type": "track",
        "event": "Seen",
        "anonymousId": "a",
        "messageId": "m",
        "context": {"page": {"path": "/x"}},
        "properties": {"n": 1},
        "timestamp": "2023-11-14T22:13:20.000Z",
    }
    assert page["path"] == "/x"
    assert page["time"] == "2023-11-14T22:13:20.000Z"
    assert done.result == Result.ENRICHED
    assert done.body is not None
    assert json.loads(done.body) == stored(properties={"n": 2}, integrations={MARK: {"version": "v1"}}), (
        "and what the forwarder set is as it was"
    )


def test_an_event_is_enriched_once() -> None:
    first = ended(
        lambda event, page: {**event, "properties": {"times": event["properties"].get("times", 0) + 1}}
    )
    assert first.body is not None
    again = enrich_event(Enrichment("v2", raises), first.body, None, BOUNDS)
    assert (again.result, again.body) == (Result.BY_PAGE, first.body)


@pytest.mark.parametrize(
    "enrich",
    [
        raises,
        lambda event, page: [event],
        lambda event, page: {**event, "properties": {"odd": object()}},
        lambda event, page: {**event, "properties": {"odd": float("nan")}},
        lambda event, page: {**event, "event": ""},
        lambda event, page: {**event, "properties": 5},
        lambda event, page: {**event, "anonymousId": None},
        lambda event, page: {**event, "properties": {"long": "x" * 40_000}},
        lambda event, page: {**event, "properties": json.loads('{"a":' * 70 + "1" + "}" * 70)},
        lambda event, page: exit(3),
        lambda event: event,
    ],
)
def test_a_function_that_fails_costs_nothing_but_its_work(enrich: Any) -> None:
    done = ended(enrich)
    assert done.result == Result.FAILED
    assert done.body == json.dumps(stored()).encode()
    assert done.fault
    assert "bob" not in done.fault
    withheld = ended(enrich, required=True)
    assert (withheld.body, withheld.result) == (None, Result.WITHHELD)
    minimal = ended(enrich, required=True, minimal=("event", "anonymousId"))
    assert minimal.result == Result.MINIMAL
    assert minimal.body is not None
    kept = json.loads(minimal.body)
    assert "properties" not in kept
    assert "context" not in kept
    assert (kept["event"], kept["receivedAt"]) == ("Seen", "2023-11-14T22:13:21.000Z")


def test_a_fault_is_told_with_its_place_and_nothing_of_the_event() -> None:
    with pytest.raises(KeyError) as raised:
        raises({}, {})
    assert fault_in(raised.value).startswith("KeyError at test_enriching.py:")
    assert fault_in(raised.value).endswith(" in raises")


def test_what_is_dropped_is_not_kept() -> None:
    assert ended(lambda event, page: None) == Enriched(None, Result.DROPPED)


@pytest.mark.parametrize("context", [None, 5, {}, {"page": 5}, {"page": {"path": 7, "url": None}}])
def test_a_page_is_made_of_what_is_there(context: object) -> None:
    page = page_of({"context": context})
    assert page == dict.fromkeys(("url", "path", "search", "title", "referrer", "time"), "")


@pytest.mark.parametrize("mark", [None, 5, {}, {"version": 5}, {"version": None}])
def test_what_is_no_mark_is_none(mark: object) -> None:
    assert version_in({"integrations": {MARK: mark}}) is None
    done = applied(lambda event, page: event, "v2", {"integrations": {MARK: mark, "All": True}})
    assert done == {"integrations": {MARK: {"version": "v2"}, "All": True}}


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("import random", "import random cannot be used: it gives the same numbers on every page"),
        ("from os import path", "import os cannot be used"),
        ("import urllib.request", "import urllib.request cannot be used"),
        ("from urllib import request", "import urllib.request cannot be used"),
        ("def f():\n    import json", "nothing can be imported later"),
        ("from datetime import datetime\nX = datetime.now()", "now() cannot be used: there is no clock"),
        ("import datetime as dt\nX = dt.date.today()", "today() cannot be used"),
        ("import datetime as dt\nX = dt.datetime.fromtimestamp(5)", "fromtimestamp() cannot be used"),
        ("X = hash('a')", "hash cannot be used: it differs"),
        ("X = list(map(id, []))", "id cannot be used"),
        ("print('x')", "print cannot be used"),
        ("async def enrich(event, page): pass", "nothing can be awaited"),
        ("import locale", "import locale cannot be used: it changes nothing there"),
        ("def f(:", "invalid syntax"),
    ],
)
def test_what_would_differ_in_a_page_is_refused(line: str, said: str) -> None:
    [problem] = problems_of({"mine.py": f"\n{line}\n".encode()}, "mine")
    assert problem.startswith("mine.py:")
    assert said in problem


def test_what_works_is_not_refused() -> None:
    source = b"""
from __future__ import annotations
import re, json, hashlib, mine.other
from . import more
from urllib.parse import urlsplit
from collections.abc import Mapping
from datetime import UTC, datetime
id = 5
def enrich(event, page):
    now = datetime.fromisoformat(page["time"])
    return {**event, "id": id, "now": datetime.fromtimestamp(5, UTC), "table.now": table.now()}
"""
    assert problems_of({"mine.py": source}, "mine") == []


def test_made_up_events_are_the_same_each_time_and_of_many_kinds() -> None:
    first, again = (list(islice(made_up(7), 300)) for _ in range(2))
    assert first == again != list(islice(made_up(8), 300))
    assert all({"type", "messageId", "timestamp"} <= set(event) for event in first)
    assert {event["type"] for event in first} == {"track", "page", "identify", "group"}
    assert any(not isinstance(event["context"], dict) for event in first), "some are of a kind nobody expects"


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ('{"type":"track","event":"a"}', {"event": {"type": "track", "event": "A", "integrations": {}}}),
        ('{"type":"track"}', {"fault": "KeyError"}),
        ('{"event":"drop"}', {"dropped": True}),
        ('{"event":"a","integrations":{"Session Enrichment":{"version":"v0"}}}', {}),
        ("[1]", {"fault": "AttributeError"}),
        ("no JSON", {"fault": "JSONDecodeError"}),
        ('{"event":"long"}', {"fault": "ValueError"}),
        ('{"event":"odd"}', {"fault": "ValueError"}),
    ],
)
def test_a_page_gets_one_answer_to_any_text(text: str, answer: Event) -> None:
    odd = {"drop": None, "long": {"x": "y" * 500_000}, "odd": {"x": float("inf")}}

    def enrich(event: Event, page: Event) -> Any:
        name = event["event"]
        return odd[name] if name in odd else {**event, "event": name.upper()}

    said = json.loads(answered(enrich, "v1", text))
    if "fault" in said:
        said = {"fault": said["fault"].partition(" ")[0]}
    if "event" in said:
        assert said["event"]["integrations"].pop(MARK) == {"version": "v1"}
    assert said == answer


def test_places_that_disagree_are_found() -> None:
    sent = {name: value for name, value in stored().items() if name not in OF_FORWARDER}
    texts = [json.dumps({**sent, "event": name}) for name in ("Same", "Other", "Trap")]
    one = Enrichment("v1", lambda event, page: {**event, "properties": {"at": event["event"]}})
    page = [answered(one.function, "v1", text) for text in texts]
    assert list(differences(one, texts, [page[0], page[1], None])) == []
    wrong = answered(lambda event, page: {**event, "properties": {"at": "x"}}, "v1", texts[1])
    [(number, place, change)] = differences(one, texts, [page[0], wrong, None])
    assert (number, place) == (1, "page")
    assert change == {"path": "event.properties.at", "before": "Other", "after": "x"}
    sees = Enrichment("v1", lambda event, page: {**event, "event": str(len(event))})
    extra = [json.dumps({**json.loads(texts[0]), "receivedAt": "x"})]
    assert [place for _, place, _ in differences(sees, extra, [None])] == ["forwarder"]
