"""Every example in docs/ that says what is sent: ``forwarder plan`` says the same."""

import json
import re
from pathlib import Path

import pytest

from tests.docs.examples import Example, examples_of, plan
from tests.support.processes import ROOT

EXAMPLES = [one for page in sorted((ROOT / "docs").rglob("*.md")) for one in examples_of(page)]
CLASSIC = ROOT / "docs" / "move" / "from-classic.md"
ROWS = (
    "API Key",
    "Secret Key",
    "Version Name",
    "Connection Mode",
    "Track All Pages",
    "Track All Screens",
    "Track Categorized Pages",
    "Track Named Pages",
    "Group Type Trait",
    "Group Value Trait",
    "Batch Events",
    "Send To Batch Endpoint",
    "Prefer Anonymous ID for Device ID",
    "Enable Alias",
    "Track Referrer to Amplitude",
    "Track Revenue Per Product",
    "Track UTM Properties to Amplitude",
    "Use AdvertisingId for Device ID",
    "Custom Language and Country",
)
"""The settings in the destination's "Migration from Amplitude Classic"."""

pytestmark = pytest.mark.docs


@pytest.mark.parametrize("example", EXAMPLES, ids=[one.name for one in EXAMPLES])
def test_an_example_sends_what_the_page_says(example: Example, tmp_path: Path) -> None:
    assert plan(example, tmp_path) == json.loads(example.sent)


def anchor(heading: str) -> str:
    """Return what a link to a heading ends with."""
    return heading.lower().replace(" ", "-")


def test_every_setting_of_classic_has_an_example() -> None:
    text = CLASSIC.read_text(encoding="utf-8")
    linked = re.findall(r"^\| \[([^\]]+)\]\(#([\w-]+)\) \|", text, re.MULTILINE)
    assert tuple(name for name, _ in linked[: len(ROWS)]) == ROWS
    headings = {
        heading.lower().replace(" ", "-") for heading in re.findall(r"^### (.+)$", text, re.MULTILINE)
    }
    shown = {one.name.partition(": ")[2].lower().replace(" ", "-") for one in examples_of(CLASSIC)}
    assert {one for _, one in linked} <= headings & shown


def test_what_the_page_says_wrongly_is_found(tmp_path: Path) -> None:
    [first, *_] = EXAMPLES
    made = json.loads(first.sent)
    [items] = list(made.values())[:1]
    items[0]["user_id"] = "somebody else"
    assert plan(first, tmp_path) != made
