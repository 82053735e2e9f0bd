"""An event with an open quote or bracket costs only itself, and the search for the others is bounded."""

import json
from typing import Any

import pytest

from forwarder.ingest import resynchronizing
from forwarder.ingest.resynchronizing import find_events
from forwarder.ingest.splitting import split_batch


def event(number: int, **more: Any) -> bytes:
    return json.dumps({"type": "track", "event": f"E{number}", "userId": "u", **more}).encode()


def batch(*events: bytes, before: bytes = b'"writeKey":"k",', after: bytes = b',"sentAt":"now"') -> bytes:
    return b"{" + before + b'"batch":[' + b",".join(events) + b"]" + after + b"}"


PRODUCTS = [{"productId": "a"}, {"productId": "b", "type": "cup"}]
BAD = {
    "an open quote": b'{"type":"track","event":"Bad,"userId":"u"}',
    "an open quote before a list": event(9, products=PRODUCTS).replace(b'"userId"', b'"userId'),
    "an open quote in the last value": b'{"type":"track","userId":"u}',
    "a quote too many": b'{"type":"track","event":"a"b","userId":"u"}',
    "an open object": b'{"type":"track","properties":{"a":1,"userId":"u"}',
    "a bracket too many": b'{"type":"track","properties":[1]],"userId":"u"}',
    "nothing but two brackets": b"{]",
    "another bracket": b'{"type":"track","properties":[1}}',
}


@pytest.mark.parametrize("bad", BAD.values(), ids=BAD)
@pytest.mark.parametrize("place", [0, 1, 3])
def test_the_others_are_found(bad: bytes, place: int) -> None:
    good = [event(n, products=PRODUCTS) for n in range(3)]
    body = batch(*good[:place], bad, *good[place:])
    assert split_batch(body) is None
    found = find_events(body)
    assert found is not None
    assert [one for one in found.events if one in good] == good
    assert [one for one in found.events if one not in good] == [bad]
    assert found.beside == {"writeKey": b'"k"', "sentAt": b'"now"'}


def test_two_bad_ones_side_by_side_are_one() -> None:
    bad = BAD["an open quote"]
    found = find_events(batch(event(1), bad, bad, event(2), bad, after=b""))
    assert found is not None
    assert found.events == [event(1), bad + b"," + bad, event(2), bad]


@pytest.mark.parametrize(
    "body",
    [
        batch(BAD["an open quote"]),
        batch(event(1), BAD["an open quote"])[:-30],
        batch(event(1), event(2))[:-20],
        b'{"batch":{"a":"}',
        b'{"events":["}',
        b'{"batch":[{"a":"b},{"c":1}]}',
    ],
    ids=["no good one", "cut off", "cut off behind one", "no list", "no batch", "no events"],
)
def test_where_nothing_is_found_or_it_has_no_end_it_is_refused(body: bytes) -> None:
    assert find_events(body) is None


@pytest.mark.parametrize(
    "piece",
    [
        b'{"a":[',
        b'},{"a":"',
        b'{"type":"track","p":{"a":[{',
        b'},{"type":"track","a":1',
        b"}}}},{",
        b'},{"a":1e',
    ],
)
def test_no_body_costs_more_than_a_few_readings(piece: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    body = b'{"batch":[' + (piece * 500_000)[:500_000] + b'"]}'
    tries = []
    original = resynchronizing._event_at

    def counted(text: str, start: int) -> tuple[int, int]:
        stop, cost = original(text, start)
        assert cost >= (200 if stop else 1_024)
        tries.append(cost)
        return stop, cost

    monkeypatch.setattr(resynchronizing, "_event_at", counted)
    find_events(body)
    assert sum(tries[:-1]) < 8 * (len(body) + 32_768), "the last one may go beyond"
