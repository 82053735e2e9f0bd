"""How a subscription differs from the preset that it began as."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from forwarder.amplitude.actions.presets import presets
from forwarder.amplitude.subscriptions import Definition, read_definition
from forwarder.comparing.differences import ABSENT
from forwarder.errors import TriggerError
from forwarder.triggers import event_types


class FieldDifference(NamedTuple):
    """A field that differs; ``preset``, ``own``: its values, or ``ABSENT``."""

    field: str
    preset: object
    own: object


@dataclass(frozen=True, slots=True)
class PresetDifference:
    """The difference of a subscription to a preset. ``fields``: with the trigger first, where it differs."""

    preset: str
    fields: tuple[FieldDifference, ...]


def difference_to_preset(given: Mapping[str, object]) -> PresetDifference | None:
    """Return how a subscription differs from the preset it is nearest to; None where there is none."""
    definition = read_definition(given)
    preset = _nearest(given, definition)
    if preset is None:
        return None
    pairs: dict[str, tuple[object, object]] = {"trigger": (preset["subscribe"], definition.trigger)}
    before = preset["mapping"]
    after = definition.mapping if isinstance(definition.mapping, dict) else {}
    assert isinstance(before, dict), "a preset's mapping has fields"
    for name in dict.fromkeys((*before, *after)):
        pairs[name] = (before.get(name, ABSENT), after.get(name, ABSENT))
    found = [FieldDifference(name, *pair) for name, pair in pairs.items() if not _same(*pair)]
    return PresetDifference(str(preset["name"]), tuple(found))


def _nearest(given: Mapping[str, object], definition: Definition) -> dict[str, object] | None:
    """Return the preset that is named, or is called so; else that of the action, for the same events."""
    known = presets()
    for name in (given.get("preset"), definition.name):
        for one in known:
            if one["name"] == name and one["partnerAction"] == definition.action:
                return one
    same = [one for one in known if one["partnerAction"] == definition.action]
    types = _types(definition.trigger)
    return next((one for one in same if _types(one["subscribe"]) == types), same[0] if same else None)


def _types(trigger: object) -> frozenset[str] | None:
    try:
        return event_types(trigger) if isinstance(trigger, str) else None
    except TriggerError:
        return None


def _same(one: object, other: object) -> bool:
    """Return whether two values are the same in JSON, where 1 is not true."""
    if one is ABSENT or other is ABSENT:
        return one is other
    return json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)
