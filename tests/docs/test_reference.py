"""docs/reference is what the code says now, and says something of everything."""

import re

import pytest

from forwarder.amplitude.actions.fields import ACTIONS
from forwarder.amplitude.lint import Kind
from forwarder.mapping.validation import CHECKS
from forwarder.triggers.predicates import OPERATORS
from tests.docs.reference.actions import NAMES
from tests.docs.reference.language import DIRECTIVES, TRIGGERS
from tests.docs.reference.operation import WARNED
from tests.docs.reference.page_side import FILES, STORED, keys_in_code
from tests.docs.reference.pages import FOLDER, PAGES, made
from tests.support.processes import ROOT

pytestmark = pytest.mark.docs


@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_what_the_code_says(name: str) -> None:
    committed = (FOLDER / name).read_text(encoding="utf-8")
    assert committed == made(name), "run python -m tests.docs.reference"


def test_there_is_no_other_page() -> None:
    assert {path.name for path in FOLDER.iterdir()} == set(PAGES)


def test_everything_has_a_text() -> None:
    assert set(NAMES) == set(ACTIONS)
    assert set(WARNED) == set(Kind)
    assert set(DIRECTIVES) == set(CHECKS)
    assert set(STORED) == keys_in_code()
    beside = {re.sub(r"^spool(-copy)?\.db", "", name) for name in FILES}
    folders = (ROOT / "forwarder" / "spool" / "sqlite", ROOT / "forwarder" / "replay")
    code = "".join(path.read_text() for folder in folders for path in folder.glob("*.py"))
    assert all(f'"{ending}"' in code or ending in ("", "-wal", "-shm") for ending in beside)


@pytest.mark.parametrize("name", ["settings.md", "page.md", "commands.md", "metrics.md", "http.md"])
def test_no_row_is_without_its_text(name: str) -> None:
    rows = re.findall(r"^\| (.+) \|$", made(name), re.MULTILINE)
    what = {"settings.md": 2, "page.md": 2, "commands.md": 1, "metrics.md": 3, "http.md": 1}[name]
    cells = [re.split(r"(?<!\\)\| ", row) for row in rows]
    without = [row[0] for row in cells if len(row) > what and not row[what].strip()]
    assert len(cells) > 5
    assert not without


def test_the_examples_of_triggers_show_every_word() -> None:
    texts = " ".join(text for texts in TRIGGERS.values() for text in texts)
    symbols = {one for one in OPERATORS if not one.isidentifier()}
    assert all(f" {one} " in texts for one in symbols), symbols
    assert {"contains(", "match(", " and ", " or ", "null"} <= {
        one for one in ("contains(", "match(", " and ", " or ", "null") if one in texts
    }
