"""Any text is a trigger or a TriggerError; a compiled trigger answers for any event."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from forwarder.errors import TriggerError
from forwarder.triggers import compile_trigger, event_types, trigger_warnings
from tests.support.json_values import JSON

FIELDS = ["type", "event", "name", "userId", "properties.a", "properties", "traits.a.b", "context.a.length"]
VALUES = ['"a"', "'a'", '"a*"', "5", "-1.5", "true", "null"]
SIGNS = ["=", "!=", "<", ">=", "and", "or", "not", "!", "(", ")", ",", ".", "[", "&&"]
ODD = ['type = "a"', "contains(", "match(event, ", "\\", '"', "event\\.x", "\n"]
WORD = st.sampled_from([*FIELDS, *VALUES, *SIGNS, *ODD])
TRIGGER = (
    st.lists(WORD, max_size=12).map(" ".join) | st.text(max_size=30) | st.lists(WORD, max_size=8).map("".join)
)
EVENT = st.dictionaries(
    st.sampled_from(["type", "event", "name", "userId", "properties", "traits", "context"]),
    JSON | st.sampled_from(["a", "a*"]),
    max_size=7,
)


@given(TRIGGER, EVENT)
def test_any_text_and_event(text: str, event: dict[str, Any]) -> None:
    try:
        matches = compile_trigger(text)
    except TriggerError:
        return
    assert matches(event) in (True, False)
    assert all(isinstance(line, str) and line for line in trigger_warnings(text))
    types = event_types(text)
    kind = event.get("type")
    may_match = types is None or (isinstance(kind, str) and kind in types)
    assert may_match or not matches(event), "it is never asked"
    if isinstance(kind, str):
        assert compile_trigger(text, kind)(event) is matches(event), "of its type alone"


@given(EVENT)
def test_opposites(event: dict[str, Any]) -> None:
    assert compile_trigger('event = "a"')(event) is not compile_trigger('event != "a"')(event)
    assert compile_trigger("properties.a = null")(event) is not compile_trigger("properties.a != null")(event)


def test_long_texts_take_linear_steps() -> None:
    text = " or ".join(['properties.a = "x"'] * 4000)
    assert compile_trigger(text)({"properties": {"a": "x"}})
