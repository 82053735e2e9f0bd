"""Stores that disagree, facts that lack something, and what the rules say of an answer. Times in ms."""

import json
from typing import Any

import pytest

from browser_plugin.entry import FAULT, handle
from browser_plugin.explanation import explain
from browser_plugin.json_values import is_known, is_moment, is_number
from browser_plugin.stores import chosen
from tests.support.page_facts import MINUTE, NAME, NOW, asked, at, before, patched


@pytest.mark.parametrize(
    ("stores", "session_id", "last"),
    [
        ([at(-9, -4), at(-8, -3)], -8, -3),
        ([at(-8, -3), at(-9, -4)], -8, -3),
        ([at(-9, -4), ["", "", ""]], -9, -4),
        ([["", "", ""], at(-9, -4)], -9, -4),
        ([["x", "", ""], at(-9, -4)], -9, -4),
        ([at(-9, 1000), at(-8, -3)], -9, 1000),
        ([at(-9, 1001), at(-8, -3)], -8, -3),
        ([at(-8, -3), at(-9, 1001)], -8, -3),
        ([at(-8, -3), at(-9, -3)], -8, -3),
        ([[str(NOW - 9), "", ""], ["", str(NOW - 4), ""]], -9, -4),
    ],
)
def test_where_stores_disagree_the_newest_last_access_wins(
    stores: list[list[str]], session_id: int, last: int
) -> None:
    patch = patched(asked(stores=stores))
    assert patch["decision"]["session_id"] == NOW + session_id
    assert patch["decision"]["idle"] == max(0, -last)


@pytest.mark.parametrize(
    ("stores", "session_id", "last"),
    [
        ([["", "", ""]], "", ""),
        ([["x", "y", ""], ["", "", ""]], "x", "y"),  # of unusable texts the first that is there
        ([["", "", ""], ["x", "y", ""]], "x", "y"),
        ([["x", "y", ""], ["xx", "yy", ""]], "x", "y"),
        ([["5", "x", ""], ["6", str(NOW + 2000), ""]], "6", str(NOW + 2000)),
        ([["5", "0", ""], ["6", str(NOW + 2000), ""]], "5", "0"),
        ([["5", str(NOW + 3000), ""], ["6", str(NOW + 2000), ""]], "5", str(NOW + 3000)),
        ([["5", "7", ""], ["6", "007", ""]], "5", "7"),
    ],
)
def test_of_texts_that_count_alike_the_first_is_gone_by(
    stores: list[list[str]], session_id: str, last: str
) -> None:
    assert chosen(stores, NOW) == {"id": session_id, "last": last, "reset": False}


def test_a_wish_in_any_store_counts() -> None:
    for stores in ([at(-9, -4), at(-9, -9, "1")], [at(-9, -4, "1"), at(-9, -9)]):
        assert patched(asked(stores=stores))["why"] == ["reset"]
    assert patched(asked(stores=[at(-9, -4, "0")]))["why"] == ["active"]


@pytest.mark.parametrize(
    ("facts", "sentence"),
    [
        (asked(), 'track "Seen" is in session {now}, which is new: none was stored'),
        (
            asked({"event": None, "name": "Home", "type": "page"}),
            'page "Home" is in session {now}, which is new: none was stored',
        ),
        (
            asked({"event": 5, "type": "identify"}),
            "identify is in session {now}, which is new: none was stored",
        ),
        (
            asked(stores=[["x", "", ""]]),
            'track "Seen" is in session {now}, which is new: what was stored is unusable',
        ),
        (
            asked(stores=[at(0, -1250)]),
            'track "Seen" is in session {now}, which goes on, 1.25 s after the last event (1800 s end one)',
        ),
        (
            asked({"event": "x"}, [at(0, -1)]),
            'track "x" is in session {now}, which goes on, 0.001 s after the last event (1800 s end one)',
        ),
        (
            asked({"event": "x", "name": "Home"}),
            'track "x" is in session {now}, which is new: none was stored',
        ),
        (
            asked({"event": "", "name": "y"}),
            'track "y" is in session {now}, which is new: none was stored',
        ),
        (
            asked(stores=[at(0, -3)], settings={"sessionLength": 60_500}),
            'track "Seen" is in session {now}, which goes on, 0.003 s after the last event (60.5 s end one)',
        ),
        (
            asked(stores=[at(-9, -30 * MINUTE)]),
            'track "Seen" is in session {now}, which is new: 1800 s after the last event (1800 s end one)',
        ),
        (
            asked(stores=[at(-2000, -3)], settings={"maximumLength": 2000}),
            'track "Seen" is in session {now}, which is new: the last one had reached 2 s',
        ),
        (
            asked(stores=[at(-9, -3, "1")]),
            'track "Seen" is in session {now}, which is new: a reset asked for it',
        ),
        (
            asked({"userId": "b"}, [at(-9, -3)], {"newOnUserChange": True}, user="a"),
            'track "Seen" is in session {now}, which is new: another user came',
        ),
        (
            asked({"integrations": {"All": False}}),
            'track "Seen" is in session {now}, which is new: none was stored;'
            " not stamped: its integrations say no",
        ),
        (
            asked({"integrations": {NAME: {"session_id": 5}}}, before=before([["", "", ""]])),
            'track "Seen" is in session {now}, which is new: none was stored;'
            " another session plugin's id was replaced",
        ),
        (asked(loaded={"All": False}), 'track "Seen" is in no session: the destination is switched off'),
    ],
)
def test_the_explanation(facts: dict[str, Any], sentence: str) -> None:
    assert explain(facts, patched(facts)) == sentence.format(now=NOW)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "null",
        "[]",
        "5",
        '"x"',
        "{}",
        '{"now": 5}',
        "{",
        "NaN",
        "\ud800",
        '{"now": 1, "event": {}}',
        "[" * 10_000,
    ],
)
def test_what_cannot_be_answered_costs_one_event(text: str) -> None:
    assert handle(text) == FAULT


@pytest.mark.parametrize(
    "name", ["event", "stores", "earlier", "before", "loaded", "visitor", "user", "settings"]
)
def test_facts_that_lack_something_raise_nothing(name: str) -> None:
    facts = asked({"userId": "b"}, [at(-9, -3, "1")], {"newOnUserChange": True})
    del facts[name]
    assert handle(json.dumps(facts)) == FAULT


def test_answers_are_ascii_without_spaces() -> None:
    facts = asked({"anonymousId": "\u00e4da"})
    said = handle(json.dumps(facts))
    assert said.isascii()
    assert ", " not in said
    assert json.loads(said)["visitor"]["anonymousId"] == "\u00e4da"


@pytest.mark.parametrize(
    ("value", "number", "moment", "known"),
    [
        (0, True, True, True),
        (1, True, True, True),
        (-1, True, False, True),
        (0.5, True, False, True),
        (2.0, True, True, True),
        (10**15, True, False, True),
        (10**15 - 1, True, True, True),
        (float("nan"), True, False, True),
        (True, False, False, False),
        (False, False, False, False),
        (None, False, False, False),
        ("5", False, False, True),
        ("", False, False, False),
        ([], False, False, False),
    ],
)
def test_kinds_of_values(value: Any, number: bool, moment: bool, known: bool) -> None:
    assert (is_number(value), is_moment(value), is_known(value)) == (number, moment, known)
