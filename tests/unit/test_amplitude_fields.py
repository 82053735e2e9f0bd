"""Our tables of fields are the reference's."""

import json
from pathlib import Path

import pytest

from forwarder.amplitude.actions.fields import ACTIONS, default_mapping
from forwarder.amplitude.actions.presets import DEFAULT_TRIGGERS, presets
from forwarder.amplitude.payload.field import Field, Kind

DATA = Path(__file__).parents[1] / "vectors" / "data"
DEFAULTS = json.loads((DATA / "action_defaults.json").read_text())
SCHEMAS = json.loads((DATA / "action_schemas.json").read_text())
PRESETS = json.loads((DATA / "presets.json").read_text())


def as_schema(field: Field) -> dict[str, object]:
    kind = ["string", "number"] if field.kind is Kind.DATETIME else field.kind.value
    schema: dict[str, object] = {"type": [kind, "null"] if field.nullable else kind}
    if field.kind is Kind.DATETIME:
        schema["format"] = "date-like"
    if field.choices:
        schema["enum"] = list(field.choices)
    if field.properties is not None:
        schema |= {"additionalProperties": field.open, "required": []}
        schema["properties"] = {name: as_schema(each) for name, each in field.properties.items()}
    return {"type": "array", "items": schema} if field.multiple else schema


def test_actions_are_the_reference_s() -> None:
    assert set(ACTIONS) == set(SCHEMAS) == set(DEFAULTS)


@pytest.mark.parametrize("action", ACTIONS)
def test_types_are_the_reference_s(action: str) -> None:
    fields = ACTIONS[action]
    assert {name: as_schema(field) for name, field in fields.items()} == SCHEMAS[action]["properties"]
    assert [name for name, field in fields.items() if field.required] == SCHEMAS[action]["required"]


@pytest.mark.parametrize("action", ACTIONS)
def test_defaults_are_the_reference_s(action: str) -> None:
    assert default_mapping(action) == DEFAULTS[action]["mapping"]
    assert DEFAULT_TRIGGERS[action] == DEFAULTS[action]["defaultSubscription"]


def test_presets_are_the_reference_s() -> None:
    ours = [{name: each[name] for name in each if name != "enabled"} for each in presets()]
    theirs = [{name: each[name] for name in each if name != "type"} for each in PRESETS]
    assert ours == theirs
