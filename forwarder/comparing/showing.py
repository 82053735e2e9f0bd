"""A comparison for people: lines for a terminal, and one page of HTML that needs nothing else."""

import json
from collections.abc import Iterator, Sized
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from forwarder.comparing.comparison import Compared, Comparison, Row
from forwarder.comparing.differences import ABSENT, EXPECTED, Difference
from forwarder.text import cell, one_line, whole_value

LONGEST = 80
"""Characters of a value that a terminal gets; the page has it whole, up to ``LONGEST_ON_A_PAGE``."""
LONGEST_ON_A_PAGE = 2_000
"""Characters: as long as most properties in Amplitude may be (1,024), and what stands around them."""
_TEMPLATES = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


def shown(value: Any, longest: int = LONGEST) -> str:
    """Return a value as JSON on one line, cut; "nothing" for a field that is not there."""
    if value is ABSENT:
        return "nothing"
    return one_line(json.dumps(whole_value(value), ensure_ascii=False, default=str), longest)


def lines(comparison: Comparison) -> Iterator[str]:
    """Yield the comparison for a terminal: differing events, then the summary."""
    for message_id, compared in comparison.events.items():
        differing = [one for one in compared if not one.same]
        if differing:
            yield f"event {cell(message_id)}" if message_id else "of no event that was given"
        for one in differing:
            yield from _item(one)
    yield from _summary(comparison)


def _item(one: Compared) -> Iterator[str]:
    said = f": {one.missing}" if one.missing else ""
    yield f"  {cell(one.mapping)}: {cell(one.item.name)}{said}"
    for difference in one.differences:
        yield (
            f"    {cell(difference.field)}: {shown(difference.sent)} was sent,"
            f" {shown(difference.planned)} is planned"
        )


def _summary(comparison: Comparison) -> Iterator[str]:
    same = len(comparison.items) - len(comparison.differing)
    yield f"{_counted(comparison.items, 'item')} of {_counted(comparison.events, 'event')}: {same} the same"
    for row in comparison.summary():
        yield f"  {row.count:6}  {cell(row.mapping)}  {cell(row.field)}: {row.how}{_example(row)}"
    for field, count in comparison.expected.items():
        yield f"  {count:6}  {field} only in the plan, on purpose: {EXPECTED[field]}"
    if comparison.unsent:
        yield f"  {comparison.unsent:6}  events of which neither side sends anything"


def _counted(things: Sized, noun: str) -> str:
    return f"{len(things)} {noun}{'' if len(things) == 1 else 's'}"


def _example(row: Row) -> str:
    example = row.example
    return f" ({shown(example.sent)} / {shown(example.planned)})" if example else ""


def page(comparison: Comparison, title: str) -> str:
    """Return the comparison as one HTML page, all that came from events escaped."""

    def whole(difference: Difference) -> tuple[str, str]:
        return shown(difference.sent, LONGEST_ON_A_PAGE), shown(difference.planned, LONGEST_ON_A_PAGE)

    items, events = _counted(comparison.items, "item"), _counted(comparison.events, "event")
    return _TEMPLATES.get_template("comparison.html").render(
        items=items,
        events=events,
        title=title,
        comparison=comparison,
        rows=comparison.summary(),
        whole=whole,
        expected=EXPECTED,
        cell=cell,
    )
