"""Our actions and presets have not drifted from the reference's, of which ``data`` holds copies.

To refresh the copies, take a checkout of the reference (``segmentio/action-destinations``; they are of commit
970a17ee) with its packages installed, and write from its destination ``amplitude``, as JSON:

- ``action_schemas.json``: by action, actions-core's ``fieldsToJsonSchema(action.fields)``;
- ``action_defaults.json``: by action, ``defaultSubscription``, and as ``mapping`` actions-core's
  ``defaultValues(action.fields)``;
- ``presets.json``: the destination's ``presets`` as they are.

Then run this file: what fails names each action, field or preset that differs. Change
``forwarder/amplitude/actions`` until it passes, and record the vectors of what changed as well.
"""

import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from forwarder.amplitude.actions.fields import ACTIONS, default_mapping
from forwarder.amplitude.actions.presets import DEFAULT_TRIGGERS, presets
from forwarder.amplitude.payload.field import Field, Kind

DATA = Path(__file__).parent / "data"
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


HOW = (
    "have drifted from the reference; the head of tests/vectors/test_drift.py says how to refresh its copies"
)


def differing(ours: Mapping[str, object], theirs: Mapping[str, object]) -> list[str]:
    """Return the names under which two tables differ, or that only one of them has."""
    return sorted(name for name in {**ours, **theirs} if ours.get(name, ...) != theirs.get(name, ...))


def test_actions_are_the_reference_s() -> None:
    assert set(ACTIONS) == set(SCHEMAS) == set(DEFAULTS), f"the actions {HOW}"


@pytest.mark.parametrize("action", ACTIONS)
def test_types_are_the_reference_s(action: str) -> None:
    fields = ACTIONS[action]
    ours = {name: as_schema(field) for name, field in fields.items()}
    assert not differing(ours, SCHEMAS[action]["properties"]), f"types of {action} {HOW}"
    required = [name for name, field in fields.items() if field.required]
    assert required == SCHEMAS[action]["required"], f"required fields of {action} {HOW}"


@pytest.mark.parametrize("action", ACTIONS)
def test_defaults_are_the_reference_s(action: str) -> None:
    assert not differing(default_mapping(action), DEFAULTS[action]["mapping"]), f"defaults of {action} {HOW}"
    assert DEFAULT_TRIGGERS[action] == DEFAULTS[action]["defaultSubscription"], f"triggers {HOW}"


def test_presets_are_the_reference_s() -> None:
    ours = {str(each["name"]): {name: each[name] for name in each if name != "enabled"} for each in presets()}
    theirs = {each["name"]: {name: each[name] for name in each if name != "type"} for each in PRESETS}
    assert not differing(ours, theirs), f"presets {HOW}"
    assert list(ours) == list(theirs), "their order counts: it is the order in which requests are made"
