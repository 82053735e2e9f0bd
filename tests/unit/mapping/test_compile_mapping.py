"""Compiling mappings: messages, isolation, limits. What they give is recorded in the vectors."""

from typing import Any

import pytest

from forwarder.errors import MappingError
from forwarder.javascript.values import UNDEFINED
from forwarder.mapping import compile_mapping
from forwarder.mapping.compiler.generator import MAX_DEPTH, SourceGenerator


@pytest.mark.parametrize(
    ("mapping", "message"),
    [
        ({"name": {"@pth": "$.a"}}, "name: @pth: is no directive; use one of @arrayPath, @case"),
        ({"name": {"@path": 5}}, "name: @path: should be a string or a directive but is a number"),
        ({"name": {"@path": "a", "x": 1}}, "name: @path: has other keys beside it (x); remove them"),
        ({"name": {"@path": "a", "@template": "b"}}, "name: has 2 directives (@path, @template); keep one"),
        ({"a": {"b": {"@replace": {"value": "x"}}}}, "a.b: @replace: needs 'pattern'; add it"),
        ({"a": {"@json": {"mode": "x", "value": 1}}}, "a.mode: @json: should be encode or decode but is 'x'"),
        ({"a": {"@case": []}}, "a: @case: should have an object of options but has an array"),
        ({"__segment_internal_directive": 5}, "__segment_internal_directive: must be one directive"),
    ],
)
def test_mistakes_show_when_compiled(mapping: dict[str, Any], message: str) -> None:
    with pytest.raises(MappingError) as caught:
        compile_mapping(mapping)
    assert message in str(caught.value)


def test_all_mistakes_are_named_at_once() -> None:
    with pytest.raises(MappingError) as caught:
        compile_mapping({"a": {"@path": 1}, "b": {"@nope": 1}})
    assert "a: @path" in str(caught.value)
    assert "b: @nope" in str(caught.value)


@pytest.mark.parametrize(
    ("mapping", "message"),
    [
        ({"a": {"@if": {"then": 1}}}, "a: @if: needs an object with 'exists' or 'blank'"),
        ({"a": {"@path": {"@path": "n"}}}, "a: @path: expected a string, got a number"),
        ({"a": {"@merge": {"objects": []}}}, "a: @merge: needs an object with 'direction'"),
        ({"a": [{"@nope": 1}]}, "a.0: @nope: is no directive"),
        ({"a": {"@case": {"operator": "x", "value": "y"}}}, "a: @case: 'operator' should be lower or upper"),
        ({"a": {"@liquid": "{{ x | uniq }}"}}, 'a: @liquid: RenderError: filter "uniq" is disabled'),
    ],
)
def test_mistakes_that_show_on_an_event(mapping: dict[str, Any], message: str) -> None:
    compiled = compile_mapping(mapping)
    with pytest.raises(MappingError) as caught:
        compiled({"n": 1})
    assert message in str(caught.value)


def test_nothing_of_the_mapping_is_in_the_source() -> None:
    marker = "zebra'\"\\\n"
    mapping = {
        marker: {"@path": f"$.{marker}.x"},
        "t": {"@template": f"{marker}{{{{{marker}}}}}"},
        "r": {"@replace": {"pattern": "zebra", "replacement": "zebra", "value": marker}},
        "l": {"@liquid": marker},
        "f": {"@flatten": {"value": marker, "separator": marker}},
    }
    generator = SourceGenerator(lambda: 0)
    generator.compile(mapping)
    assert generator.functions
    assert not any("zebra" in source for source in generator.functions)


def test_depth_is_bounded() -> None:
    deep: object = "x"
    for _ in range(MAX_DEPTH + 1):
        deep = {"a": deep}
    with pytest.raises(MappingError, match="nested deeper than"):
        compile_mapping(deep)
    literal: object = "x"
    for _ in range(100_000):
        literal = {"@literal": literal}
    with pytest.raises(MappingError, match="nested"):
        compile_mapping(literal)


def test_deep_mappings_within_the_bound_work() -> None:
    deep: Any = {"@path": "x"}
    for _ in range(MAX_DEPTH // 3):
        deep = {"a": [deep]}
    value: Any = compile_mapping(deep)({"x": "bottom"})
    while isinstance(value, dict):
        [value] = value["a"]
    assert value == "bottom"


def test_deep_payloads_are_a_named_error() -> None:
    deep: object = "x"
    for _ in range(100_000):
        deep = [deep]
    with pytest.raises(MappingError, match="payload is nested too deeply"):
        compile_mapping({"a": {"@json": {"mode": "encode", "value": {"@path": "x"}}}})({"x": deep})


@pytest.mark.parametrize("payload", [None, 5, "text", [], True])
def test_payload_must_be_an_object(payload: object) -> None:
    with pytest.raises(MappingError, match="the payload must be an object"):
        compile_mapping({})(payload)


def test_missing_payload_is_an_empty_one() -> None:
    assert compile_mapping({"a": {"@path": "x"}, "b": 1})(UNDEFINED) == {"b": 1}


def test_results_do_not_share_state() -> None:
    compiled = compile_mapping({"a": {"b": [1]}})
    first: Any = compiled({})
    first["a"]["b"].append(2)
    assert compiled({}) == {"a": {"b": [1]}}


def test_mapping_is_left_as_it_is() -> None:
    mapping = {"__segment_internal_directive": {"@transform": {"apply": {"x": 1}}}, "y": {"@path": "x"}}
    assert compile_mapping(mapping)({}) == {"y": 1}
    assert mapping["__segment_internal_directive"] == {"@transform": {"apply": {"x": 1}}}


def test_large_numbers_pass_unchanged() -> None:
    assert compile_mapping({"a": {"@path": "n"}})({"n": 2**60}) == {"a": 2**60}
    assert compile_mapping({"a": {"@template": "{{n}}"}})({"n": 2**60}) == {"a": "1152921504606847000"}
