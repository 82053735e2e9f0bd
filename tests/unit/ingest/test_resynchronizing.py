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


@pytest.mark.parametrize("gap", [b"", b" ", b"\n\t" + b" " * 61])
def test_many_good_ones_in_a_row_stay_apart(gap: bytes) -> None:
    good = [event(n) + gap for n in range(4)]
    found = find_events(batch(*good, BAD["an open quote"], *good))
    assert found is not None
    every = [event(n) for n in range(4)]
    assert found.events == [*every, BAD["an open quote"], *every]


def test_what_looks_like_events_beside_the_batch_is_none_of_them() -> None:
    looks_like = b'"context":{"a":[' + event(7) + b"," + event(8) + b"]}"
    body = batch(BAD["an open quote"], event(1), before=looks_like + b",", after=b",[]" + looks_like)
    found = find_events(batch(BAD["an open quote"], event(1), before=looks_like + b",", after=b""))
    assert found is not None
    assert found.events == [BAD["an open quote"], event(1)]
    assert list(found.beside) == ["context"]
    assert find_events(body) is None, "what stands behind the batch is no JSON"


def test_lists_beside_the_batch_do_not_end_it() -> None:
    found = find_events(batch(BAD["an open quote"], event(1), after=b',"context":{"a":[1,[2]],"b":[3]}'))
    assert found is not None
    assert found.events == [BAD["an open quote"], event(1)]
    assert found.beside == {"writeKey": b'"k"', "context": b'{"a":[1,[2]],"b":[3]}'}


def test_an_event_within_a_good_one_is_part_of_it() -> None:
    outer = event(1, inner=[event_of(2), event_of(3)])
    found = find_events(batch(outer, BAD["an open object"], outer))
    assert found is not None
    assert found.events == [outer, BAD["an open object"], outer]


def event_of(number: int) -> dict[str, Any]:
    """Return an event as a JSON value."""
    value: dict[str, Any] = json.loads(event(number))
    return value


@pytest.mark.parametrize(
    ("piece", "cost"),
    [
        ('{"a":"' + "x" * 5_000, 5_006),  # an open text is read to the end
        ('{"a":[' + " " * 5_000 + "}", 5_006),
        ('{"a":1', 1_024),
        ("[" * 40_000, 32_768),  # too deep
        ('{"a":' + "1" * 5_000 + "}", 32_768),  # a number of too many digits
        ('{"a":"' + "x" * 5_000 + '"}', 5_008),  # an object, and no event
        ('{"a":1}', 1_024),
    ],
)
def test_a_vain_try_costs_what_was_read(piece: str, cost: int) -> None:
    assert resynchronizing._event_at("," + piece, 1) == (0, cost)


def test_a_good_one_costs_its_own_bytes_and_more() -> None:
    text = event(1).decode()
    for behind in (",", "]", " \n]", " " * 63 + ","):
        assert resynchronizing._event_at(text + behind, 0) == (len(text), len(text) + 200)
    for behind in ("", "}", " " * 64 + ",", " x,"):
        assert resynchronizing._event_at(text + behind, 0) == (0, 1_024)


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
