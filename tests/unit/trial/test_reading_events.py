"""``forwarder plan`` reads events as people have them."""

import json

import pytest

from forwarder.trial.reading import Given, read_events

A, B = {"type": "track", "event": "A"}, {"type": "page", "name": "B", "properties": {"list": [1, {}]}}
PRETTY = json.dumps(A, indent=2)
BATCH = {"batch": [A, B], "sentAt": "2026-01-01T00:00:00Z", "context": {"x": 1}, "writeKey": "k", "other": 1}


def read(text: str | bytes) -> list[Given]:
    return list(read_events(text.encode() if isinstance(text, str) else text))


@pytest.mark.parametrize(
    ("text", "events"),
    [
        (json.dumps(A), [A]),
        (f"{json.dumps(A)}\n\n{json.dumps(B)}\n", [A, B]),
        (f"{json.dumps(A)}\r\n{json.dumps(B)}\r\n", [A, B]),
        (PRETTY, [A]),
        (f"{PRETTY}\n{json.dumps(B, indent=4)}", [A, B]),
        (f"{PRETTY},\n{json.dumps(B, indent=4)},\n", [A, B]),
        (json.dumps([A, B]), [A, B]),
        (json.dumps([A, B], indent=2), [A, B]),
        (json.dumps([[A], B, []]), [A, B]),
        (json.dumps(BATCH), [A, B]),
        (json.dumps(BATCH, indent=1) + "\n" + json.dumps(A), [A, B, A]),
        (json.dumps([BATCH, A]), [A, B, A]),
        ("\ufeff" + PRETTY, [A]),
        ('{"type": "track", "batch": []}', [{"type": "track", "batch": []}]),
        ('{"a": NaN}', [{"a": None}]),
        ("", []),
        (" \n\t ", []),
    ],
)
def test_every_form_is_read(text: str, events: list[object]) -> None:
    found = read(text)
    assert [one.problem for one in found] == [""] * len(events)
    assert [one.event for one in found] == events


def test_what_stands_beside_a_batch_comes_along() -> None:
    beside = {name: value for name, value in BATCH.items() if name not in ("batch", "other")}
    assert [one.beside for one in read(json.dumps(BATCH))] == [beside, beside]
    assert read(json.dumps(A))[0].beside == {}


@pytest.mark.parametrize(
    ("text", "problem", "events"),
    [
        ("nonsense\n" + json.dumps(A), "line 1 is not JSON", [A]),
        (json.dumps(A) + "\n{broken\n" + json.dumps(B), "line 2 is not JSON", [A, B]),
        (PRETTY.replace('"A"', "A") + "\n" + PRETTY, "line 3 is not JSON", [A]),
        ("5\n" + json.dumps(A), "line 1 holds no JSON object", [A]),
        (json.dumps([A, "x"]), "line 1 holds no JSON object", [A]),
        ("[" * 100_000, "line 1 is JSON that nests too deeply", []),
    ],
)
def test_what_is_wrong_is_told_once_and_the_rest_is_read(
    text: str, problem: str, events: list[object]
) -> None:
    found = read(text)
    [told] = [one.problem for one in found if one.problem]
    assert told.startswith(problem)
    assert [one.event for one in found if not one.problem] == events


def test_bytes_that_are_no_text_cost_nothing_else() -> None:
    [one] = read(b'{"type":"track","event":"caf\xe9"}')
    assert isinstance(one.event, dict)
    assert one.event["event"].startswith("caf")
