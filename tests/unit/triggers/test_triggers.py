"""Triggers: messages, nesting, warnings. What they match is recorded in the vectors."""

from typing import Any

import pytest

from forwarder.errors import TriggerError
from forwarder.triggers import compile_trigger, event_types, trigger_warnings
from forwarder.triggers.parser import MAX_DEPTH


@pytest.mark.parametrize(
    ("text", "position", "words"),
    [
        ("", 0, "nothing to compare"),
        ("track", 0, "'track' is no condition"),
        ('type = "track" && event = "x"', 15, "write and, or"),
        ('type = "track', 7, 'close it with "'),
        ("type", 0, "a value is missing after 'type'"),
        ('(type = "track"', 0, "'(' is not closed"),
        ("properties.price>9", 16, "put blanks around the operator"),
        ("properties.a[0] = 1", 12, "properties.list.0"),
        ('! contains(event, "x")', 0, "!contains(...)"),
        ('event !="x"', 6, "put a blank after !="),
        ("properties.price > 5.", 19, "not a number"),
        ("contains()", 0, "a text is missing after 'contains'"),
        ("b\\", 0, "nothing after"),
        ("( )", 0, "is no condition"),
        ("( or )", 0, "is no condition"),
    ],
)
def test_unusable_text_is_refused(text: str, position: int, words: str) -> None:
    with pytest.raises(TriggerError) as caught:
        compile_trigger(text)
    assert words in str(caught.value)
    assert caught.value.position == position
    assert f"at character {position}" in str(caught.value)


def test_text_must_be_text() -> None:
    with pytest.raises(TriggerError):
        compile_trigger(None)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "types"),
    [
        ('type = "track"', {"track"}),
        ('type = "track" and event = "a"', {"track"}),
        ('type = "track" or type = "page"', {"track", "page"}),
        ('event = "a" and (type = "track" or type = "page")', {"track", "page"}),
        ('type = "track" and type = "page"', set()),
        ('type = "track" or event = "a"', None),
        ('type != "track"', None),
        ('event = "type"', None),
    ],
)
def test_the_types_a_trigger_wants(text: str, types: set[str] | None) -> None:
    assert event_types(text) == types


@pytest.mark.parametrize("text", ['type = "track"', 'event = "a" or (type = "page" or type = "track")'])
def test_a_type_that_is_known_need_not_be_asked(text: str) -> None:
    assert compile_trigger(text, "track")({})
    assert not compile_trigger(text)({})


@pytest.mark.parametrize(
    ("event", "matches"),
    [
        ({"type": "track", "event": "a"}, True),
        ({"type": "track", "event": "b", "name": "n"}, True),
        ({"type": "track", "event": "b"}, False),
        ({"type": "page", "event": "a"}, False),
    ],
)
def test_nested_parentheses(event: dict[str, Any], matches: bool) -> None:
    text = 'type = "track" and (event = "a" or (event = "b" and name = "n"))'
    assert compile_trigger(text)(event) is matches


def test_functions_inside_parentheses() -> None:
    matches = compile_trigger('type = "track" and (contains(event, "Order") or match(event, "Cart*"))')
    assert matches({"type": "track", "event": "Cart Viewed"})
    assert not matches({"type": "page", "event": "Cart Viewed"})


@pytest.mark.parametrize(
    ("event", "matches"),
    [("\U0001f600x", True), ("\U0001f601x", False), ("x", False), ("\U0001f600", False)],
)
def test_match_compares_halves_of_characters(event: str, matches: bool) -> None:
    """The reference lets go of the pattern's first unit, which is half of an emoji here."""
    assert compile_trigger('match(event, "\U0001f600x")')({"event": event}) is matches


def test_unclosed_parenthesis_ends_where_a_function_does() -> None:
    """As in the reference, which knows no bracket but the next one."""
    matches = compile_trigger('type = "track" and (contains(event, "Order") or name = "n"')
    assert matches({"type": "page", "event": "Order Completed"})
    assert matches({"type": "page", "name": "n"})
    assert not matches({"type": "page"})


def test_depth_is_bounded() -> None:
    within = "(" * MAX_DEPTH + 'type = "x"' + ")" * MAX_DEPTH
    assert compile_trigger(within)({"type": "x"})
    with pytest.raises(TriggerError, match="nested deeper"):
        compile_trigger(f"({within})")


def test_empty_group_is_false_where_it_counts() -> None:
    matches = compile_trigger('type = "track" or ()')
    assert matches({"type": "track"})
    assert not matches({"type": "page"})
    assert not compile_trigger('() or type = "track"')({"type": "track"})


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('type = "a" and event = "b" or name = "c"', "and/or mixed at character 27"),
        ('type = "a" AND event = "b"', "'AND' at character 11 is skipped; write and"),
        ("event = 'x'", "never matches, its quotes count"),
        ('type = "a" and anonymousId = "b"', "'anonymousId' at character 15 is no field"),
        ('type = "a" and contains(type, "b")', "contains(type, ...) at character 15 is skipped"),
        ('type = "a" )', "closes nothing"),
        ('match(event, "Product")', "ends with 'roduct'"),
        ('properties.price > "5"', "compares numbers only"),
        ("event != null", "the text null"),
        ("properties.paid != true", "write = false"),
        ("type =", "compared with eos"),
        ('event is "x"', "'is' at character 6 after 'event' is no operator"),
        ('type = "a" or ()', "holds no condition"),
        ('not type = "a"', "'not' at character 0 is skipped"),
        ('type = "a" and (contains(event, "b") or name = "c"', "'(' at character 15 is not closed"),
    ],
)
def test_warnings(text: str, words: str) -> None:
    assert any(words in warning for warning in trigger_warnings(text)), trigger_warnings(text)


@pytest.mark.parametrize(
    "text",
    [
        'type = "track" and event != "Order Completed"',
        'type = "track" or type = "page"',
        '(type = "a" and event = "b") or (type = "c")',
        'type = "track" and contains(event, "Order") and !match(properties.sku, "x*")',
        "properties.price >= 5.5 and traits.plan != null and properties.paid = true",
        "type = track",
    ],
)
def test_no_warnings(text: str) -> None:
    assert trigger_warnings(text) == []
