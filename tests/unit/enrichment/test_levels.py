"""The levels of an owner's module: what it is profiled and asked with, what is counted, and the gate."""

import json
from itertools import islice
from pathlib import Path

import pytest

from browser_plugin.freeze.tools import FreezeError
from browser_plugin.owner.source import OwnerCode
from browser_plugin.owner_freeze.asking import Answers
from browser_plugin.owner_freeze.calls import LEVELS, Depth, calls_of
from browser_plugin.owner_freeze.costs import Cost, costs_of, table
from browser_plugin.owner_freeze.events import made_up
from browser_plugin.owner_freeze.freeze import Frozen
from browser_plugin.owner_freeze.strategies import like
from browser_plugin.owner_freeze.texts import ROOM, TOUCH, text_of, texts_of

EVENT = {
    "type": "track",
    "messageId": "m-1",
    "properties": {"colour": "red", "n": 5, "tags": ["a", {"b": None}]},
}


@pytest.fixture
def code(tmp_path: Path) -> OwnerCode:
    path = tmp_path / "mine.py"
    path.write_text("def enrich(event, page): return event")
    return OwnerCode.read(path)


def test_an_event_is_written_as_a_page_writes_it() -> None:
    odd = {"n": 1.0, "f": 0.1, "large": 1e21, "none": -0.0, "t": "\u00e4\ud83d\U0001f600", "l": [2.0, True]}
    assert text_of(odd) == '{"n":1,"f":0.1,"large":1e+21,"none":0,"t":"\u00e4\\ud83d\U0001f600","l":[2,true]}'
    assert texts_of([{"t": "\u65e5" * (ROOM // 3)}, {"t": "\u65e5" * (ROOM // 3 - 3)}]) == [
        f'{{"t":"{chr(0x65E5) * (ROOM // 3 - 3)}"}}'
    ]


def test_made_up_events_are_of_every_size() -> None:
    sizes = [len(text.encode()) for text in texts_of(islice(made_up(1), 1_000))]
    assert min(sizes) < 500
    assert 40_000 < max(sizes) <= ROOM
    assert sum(size > 16_380 for size in sizes) >= 10


def test_no_event_is_both_profiled_and_asked_about(code: OwnerCode) -> None:
    workload, held_out = calls_of(code, [EVENT], Depth(60, 120, 0.5))
    assert workload[:2] == [TOUCH, text_of(EVENT)]
    assert len(held_out) == len(set(held_out)) == 120
    assert not set(workload) & set(held_out)
    own = [text for text in held_out if '"colour"' in text]
    assert 20 < len(own) <= 60, "half is like the owner's own"
    assert calls_of(code, [EVENT], Depth(60, 120, 0.5)) == (workload, held_out)
    _, made_of_nothing = calls_of(code, [EVENT], Depth(60, 120, 0))
    assert not any('"colour"' in text for text in made_of_nothing)


def test_events_like_the_owners_own_hold_what_those_hold_and_other_things() -> None:
    events = like([EVENT], 200, 1)
    assert events == like([EVENT], 200, 1) != like([EVENT], 200, 2)
    assert len(events) >= 200
    assert {event["type"] for event in events} == {"track"}, "what makes it an event stays"
    inside = [event["properties"] for event in events if isinstance(event["properties"], dict)]
    assert len(inside) < len(events), "some are of a kind that nobody expects"
    colours = {json.dumps(one["colour"]) for one in inside if "colour" in one}
    assert '"red"' in colours
    assert len(colours) > 10
    assert any(isinstance(one.get("tags"), list) and len(one["tags"]) > 1 for one in inside)
    assert like([], 5, 1) == []


def test_what_is_wrong_in_either_module_counts() -> None:
    answers = Answers(["a", "b", "c", "d"], ["1", "2", "3", "4"], ["1", None, "x", "4"])
    assert answers.counted() == {"held_out": 4, "trapped": 1, "wrong": 1, "first": "c"}
    poisoned = answers.with_poisoned(["y", None, "z", None])
    assert poisoned.counted() == {"held_out": 4, "trapped": 1, "wrong": 2, "first": "a"}
    assert Answers(["a"], ["1"], ["1"]).with_poisoned([None]).counted()["wrong"] == 0


def frozen(folder: Path, wrong: int) -> Frozen:
    counted = {"wasm": "m.wasm", "held_out": 20_000, "trapped": 7, "wrong": wrong, "first": '{"type":"odd"}'}
    return Frozen(folder, {"levels": dict.fromkeys(LEVELS, counted)})


def test_a_level_that_is_wrong_once_is_refused_in_one_line(tmp_path: Path) -> None:
    frozen(tmp_path, 0).gate("tight")
    line = (
        r"--level tight cannot be used for this code: 1 of 20000 events get another answer than the whole"
        r" module's, the first is \{\"type\":\"odd\"\}; use --level code"
    )
    with pytest.raises(FreezeError, match=line):
        frozen(tmp_path, 1).gate("tight")


def test_costs_are_a_table(tmp_path: Path) -> None:
    known = {"whole": {"brotli": 3_900_000, "start_ms": 50.4, "event_us": 312.6}}
    (tmp_path / "costs.json").write_text(json.dumps(known))
    costs = costs_of("mine.py", frozen(tmp_path, 2))
    assert costs == [Cost("mine.py", "whole", 3_900_000, 50.4, 312.6, 7, 2, 20_000)]
    head, rule, row = table(costs).splitlines()
    assert [cell.strip() for cell in row.strip("|").split("|")] == [
        *("mine.py", "whole", "3,900,000", "50", "313"),
        *("7", "2", "20,000"),
    ]
    assert len(head) == len(rule) == len(row)
