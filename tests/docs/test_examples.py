"""The examples of an owner's own Python may be used on both sides, and their own tests pass."""

import json
from collections.abc import Iterator
from itertools import takewhile
from pathlib import Path

import pytest

from browser_plugin.enrichment import MARK, applied
from browser_plugin.freeze.tools import FreezeError
from browser_plugin.owner.source import OwnerCode
from browser_plugin.owner_freeze.calls import DEPTHS, LEVELS
from browser_plugin.owner_freeze.costs import HEAD
from browser_plugin.owner_freeze.recording import recorded
from tests.support.processes import ROOT

EXAMPLES = ROOT / "docs" / "examples"
PAGE = {"url": "https://shop.example/products/7?email=bob@example.com", "path": "/products/7"}
ALL = sorted(EXAMPLES.glob("*.py"))


@pytest.mark.parametrize("path", ALL, ids=lambda path: path.stem)
def test_every_example_can_be_used_and_keeps_what_it_does_not_know(path: Path) -> None:
    code = OwnerCode.read(path)
    event = {"type": "track", "event": "Seen", "messageId": "m-1", "context": None}
    done = applied(code.load(), code.version, {**event, "properties": {"odd": [None, {"a": 1}]}})
    assert done is not None
    assert done["properties"]["odd"] == [None, {"a": 1}]
    assert done["integrations"][MARK] == {"version": code.version}
    assert len(path.read_text().splitlines()) < 60


def test_the_tests_of_an_example_pass_and_their_events_are_written_down() -> None:
    """All examples have one file of tests, which runs as a whole for each."""
    events = recorded(OwnerCode.read(EXAMPLES / "page_categories.py"))
    assert [event["context"]["page"]["path"] for event in events[:2]] == ["/", "/products/7"]
    assert len(events) == 5
    assert len(ALL) == 5
    assert all(path.stem in (EXAMPLES / "tests" / "test_examples.py").read_text() for path in ALL)


def test_tests_that_fail_are_told_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text("def enrich(event, page): return event")
    code = OwnerCode.read(tmp_path / "mine.py")
    assert recorded(code) == []
    source = "from mine import enrich\ndef test_it(): assert enrich({'n': 1}, {'time': 'now', 'path': '/x'})"
    (tmp_path / "test_mine.py").write_text(source)
    [event] = recorded(code)
    kept = {"type": "track", "messageId": "m-1", "timestamp": "now", "n": 1}
    assert event == {**kept, "context": {"page": {"path": "/x"}}}, json.dumps(event)
    (tmp_path / "test_mine.py").write_text(source + " == 1")
    with pytest.raises(FreezeError, match=r"^the tests beside \S+mine.py do not pass: 1 failed .*; python"):
        recorded(code)


def test_the_table_of_levels_is_that_of_the_command() -> None:
    page = (ROOT / "docs" / "enrichment.md").read_text()
    lines = page.splitlines()
    head = next(n for n, line in enumerate(lines) if [*cells(line)] == list(HEAD))
    rows = [list(cells(line)) for line in takewhile(lambda line: line.startswith("|"), lines[head + 2 :])]
    assert [(row[0], row[1]) for row in rows] == [(path.name, level) for path in ALL for level in LEVELS]
    assert {row[6] for row in rows} == {"0"}, "no level of an example is wrong"
    assert {row[7] for row in rows} == {f"{DEPTHS['tight'].held_out:,}"}
    assert "`python3 build.py enrich-levels docs/examples/*.py`" in page


def cells(line: str) -> Iterator[str]:
    return (cell.strip() for cell in line.strip("|").split("|"))
