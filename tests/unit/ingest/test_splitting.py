"""A batch that is no JSON as a whole is cut at its outermost commas, and only where its brackets match."""

import pytest

from forwarder.ingest.splitting import _TOKEN, BatchParts, split_batch


@pytest.mark.parametrize(
    ("body", "events", "beside"),
    [
        (b'{"batch":[]}', [], {}),
        (b' {"batch":[1]}\n', [b"1"], {}),
        (
            b'{"batch" : [ {"a":[1,2]} , NaN,{"b":{"c":"d,e"}}]}',
            [b'{"a":[1,2]}', b"NaN", b'{"b":{"c":"d,e"}}'],
            {},
        ),
        (rb'{"batch":["\"],",{"a":"]}\\"}]}', [rb'"\"],"', rb'{"a":"]}\\"}'], {}),
        (b'{"batch":[1,,2,]}', [b"1", b"2"], {}),
        (
            b'{"writeKey":"k", "batch":[1],\n"context":{"a":[1,{}]} ,"odd","a":NaN}',
            [b"1"],
            {"writeKey": b'"k"', "context": b'{"a":[1,{}]}', "a": b"NaN"},
        ),
        (b'{"\xff":1,"batch":[2]}', [b"2"], {"\ufffd": b"1"}),
    ],
)
def test_parts_are_what_stands_between_the_outermost_commas(
    body: bytes, events: list[bytes], beside: dict[str, bytes]
) -> None:
    parts = split_batch(body)
    assert parts is not None
    assert (parts.events, parts.beside) == (events, beside)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"1",
        b"[1]",
        b'"batch"',
        b'{"events":[1]}',
        b'{"batch":{"a":1}}',
        b'{"batch":1}',
        b'{"batch":[1]',
        b'{"batch":[1]}x',
        b'{"batch":[1]x}',
        b'{"batch":[1}]',
        b'{"batch":[{]}]}',
        b'{"batch":["]}',
        b'{"batch":[1]}{"batch":[2]}',
    ],
)
def test_where_brackets_or_quotes_do_not_match_there_are_none(body: bytes) -> None:
    assert split_batch(body) is None


def test_deep_events_are_cut_out_in_a_few_steps() -> None:
    """A regular expression that stops at each bracket takes 200 ms for a body of 0.5 MB."""
    deep = b"[" * 8_000 + b"]" * 8_000
    found = split_batch(b'{"batch":[' + deep + b',{"a":' + deep + b'}],"writeKey":"key"}')
    assert found == BatchParts([deep, b'{"a":' + deep + b"}"], {"writeKey": b'"key"'})
    assert len(_TOKEN.findall(deep)) == 2


@pytest.mark.parametrize("closing", [b"]}]", b"}}]", b"]]}", b"]]]]"])
def test_runs_of_brackets_that_do_not_match(closing: bytes) -> None:
    assert split_batch(b'{"batch":[[[1' + closing + b"]}") is None


def test_little_else_than_brackets_and_commas_is_not_looked_at_one_by_one() -> None:
    event = b'{"type":"track","event":"e","userId":"u","list":[1,2,3]}'
    events = [event] * 500 + [b"oops"]
    parts = split_batch(b'{"batch":[' + b",".join(events) + b"]}")
    assert parts is not None
    assert parts.events == events
    assert split_batch(b'{"batch":[' + b"[]," * 2_000 + b"oops]}") is None
