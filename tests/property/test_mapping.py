"""Any JSON as payload, and any JSON as mapping, gives a value or a MappingError."""

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from forwarder.errors import MappingError
from forwarder.javascript.values import UNDEFINED
from forwarder.mapping import compile_mapping
from forwarder.mapping.runtime.templates import render
from tests.support.json_values import KEY, OBJECT, SCALAR

OPTIONS = st.sampled_from(
    [
        "exists",
        "blank",
        "then",
        "else",
        "operator",
        "value",
        "pattern",
        "replacement",
        "pattern2",
        "mode",
        "objects",
        "direction",
        "apply",
        "mapping",
        "separator",
        "omitArrays",
        "ignorecase",
        "global",
    ]
)
DIRECTIVES = st.sampled_from(
    [
        "@path",
        "@template",
        "@if",
        "@case",
        "@replace",
        "@arrayPath",
        "@flatten",
        "@json",
        "@merge",
        "@transform",
        "@literal",
        "@excludeWhenNull",
        "@liquid",
        "@nope",
    ]
)


def _nodes(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    arguments = inner | st.dictionaries(OPTIONS, inner, max_size=4) | st.lists(inner, max_size=3)
    return (
        st.dictionaries(DIRECTIVES, arguments, min_size=1, max_size=1)
        | st.dictionaries(KEY, inner, max_size=3)
        | st.lists(inner, max_size=3)
    )


NODE = st.recursive(SCALAR, _nodes, max_leaves=12)

EVERY_DIRECTIVE = compile_mapping(
    {
        "path": {"@path": "$.a.b[0].c"},
        "dynamic": {"@template": {"@template": "{{a}}{{{b}}}"}},
        "if": {"@if": {"blank": {"@path": "a"}, "then": {"@path": "b"}, "else": {"@path": ""}}},
        "case": {"@case": {"operator": "upper", "value": {"@path": "a"}}},
        "replace": {
            "@replace": {"pattern": "a", "replacement": "$&$`", "ignorecase": True, "value": {"@path": "a"}}
        },
        "each": {"@arrayPath": ["$.a", {"x": {"@path": "b"}, "y": {"@template": "{{ . }}"}}]},
        "flat": {"@flatten": {"value": {"@path": ""}, "separator": "."}},
        "text": {"@json": {"mode": "encode", "value": {"@path": ""}}},
        "back": {"@json": {"mode": "decode", "value": {"@path": "a"}}},
        "merged": {"@merge": {"objects": [{"@path": "a"}, {"@path": "b"}], "direction": "right"}},
        "clean": {"@excludeWhenNull": {"@path": ""}},
    }
)

LIQUID = compile_mapping(
    {
        "a": {"@liquid": "{{ a | upcase | truncate: 5 | append: b | split: '' | join: b }}{{ a | json }}"},
        "b": {"@liquid": "{% if a > b or a contains b %}{{ a | plus: b | round: 2 }}{% endif %}{{ b.c[0] }}"},
        "c": {"@liquid": "{{ a | slice: 1, 3 | url_encode }}{{ b | strip_html | escape_once | slugify }}"},
        "d": {"@liquid": "{{ a | date: '%c' }}{{ a | date_to_rfc822 | sum }}{{ a | modulo: b }}"},
        "e": {"@liquid": "{{ b | divided_by: a | floor | at_most: 5 }}{{ a | truncatewords: b }}"},
    }
)


@given(OBJECT)
def test_any_payload_through_every_directive(payload: dict[str, Any]) -> None:
    written = json.dumps(EVERY_DIRECTIVE(payload))
    assert json.dumps(json.loads(written)) == written


@given(OBJECT)
def test_any_payload_through_liquid(payload: dict[str, Any]) -> None:
    try:
        result = LIQUID(payload)
    except MappingError:
        return
    assert isinstance(result, dict)
    assert all(isinstance(text, str) for text in result.values())


@given(NODE, OBJECT)
def test_any_mapping(mapping: Any, payload: dict[str, Any]) -> None:
    try:
        result = compile_mapping(mapping)(payload)
    except MappingError:
        return
    assert result is UNDEFINED or UNDEFINED not in _leaves(result)


def _leaves(value: object) -> list[object]:
    if isinstance(value, dict):
        return [leaf for one in value.values() for leaf in _leaves(one)]
    return [leaf for one in value for leaf in _leaves(one)] if isinstance(value, list) else [value]


@given(st.text(alphabet="{} a.$[]'", max_size=40), OBJECT)
def test_any_template(template: str, payload: dict[str, Any]) -> None:
    assert compile_mapping({"t": {"@template": template}})(payload) == {"t": render(template, payload)}


def test_braces_take_linear_steps() -> None:
    """A scan that looks back for each brace would take hours here."""
    braces = "{" * 1_000_000
    assert compile_mapping({"t": {"@template": "{{{a}}}"}})({"a": braces}) == {"t": braces}
