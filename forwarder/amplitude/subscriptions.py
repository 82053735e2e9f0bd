"""Subscriptions as Segment writes them down, in the form of its code and in that of its Public API."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Final

from browser_plugin.settings import is_on
from forwarder.amplitude.actions.presets import SESSION_ACTION, presets

_NAMES: Final = {
    "action": ("partnerAction", "actionSlug"),
    "trigger": ("subscribe", "trigger"),
    "mapping": ("mapping", "settings"),
}
"""What says it: the name in the action's own code, then the name in the Public API and in Terraform."""
_MODEL: Final = ("modelId", "reverseETLModelId", "model_id")
_IGNORED: Final = (
    *("id", "name", "enabled", "actionId", "action_id", "destinationId", "destination_id", "description"),
    *("createdAt", "updatedAt", "reverseETLSchedule", "reverse_etl_schedule", "actionName"),
)
_PRESET: Final = "preset"
_KEYS: Final = (_PRESET, *(name for pair in _NAMES.values() for name in pair), *_MODEL, *_IGNORED)
_SHOWN: Final = ("name", "enabled", "subscribe", "partnerAction", "mapping")
_TELLING: Final = (
    ("global_user_id", "mapUser"),
    ("group_type", "groupIdentifyUser"),
    ("sessionLength", SESSION_ACTION),
    ("triggerSessionEvents", SESSION_ACTION),
    ("trackRevenuePerProduct", "logPurchase"),
    ("setAlways", "logEventV2"),
    ("setOnce", "logEventV2"),
    ("utm_properties", "logEvent"),
    ("event_type", "logEventV2"),
    ("user_properties", "identifyUser"),
)
"""Fields that tell the action of a mapping without a slug, the most telling first."""


@dataclass(frozen=True, slots=True)
class Definition:
    """A subscription, whichever form it was written in. What is unusable stays as it is.

    ``id``, ``name``: empty where it has none; ``off``: why it is not run, empty where it is;
    ``guessed``: whether the action was told from the mapping's fields.
    """

    id: str
    name: str
    action: object
    trigger: object
    mapping: object
    off: str = ""
    guessed: bool = False


def read_definition(given: Mapping[str, object]) -> Definition:
    """Return what a subscription says, in Segment's code's form or the Public API's."""
    given = _from_preset(given)
    action, mapping = _said(given, "action"), _said(given, "mapping")
    if isinstance(mapping, str):
        mapping = _parsed(mapping)
    guess = None
    if action is None and any(given.get(name) for name in ("actionId", "action_id")):
        guess = action_of(mapping)
    named, identified = given.get("name"), given.get("id")
    return Definition(
        id=str(identified) if identified else "",
        name=str(named) if named else "",
        action=guess if action is None else action,
        trigger=_said(given, "trigger"),
        mapping=mapping,
        off=_off(given),
        guessed=guess is not None,
    )


def action_of(mapping: object) -> str | None:
    """Return the action whose fields a mapping has, None where they tell nothing."""
    if not isinstance(mapping, Mapping):
        return None
    return next((action for field, action in _TELLING if field in mapping), None)


def listed(given: object) -> list[dict[str, object]] | None:
    """Return the subscriptions of a list, of an answer of Segment's Public API, or of several; None: none.

    Answers are ``{"data": {"subscriptions": [...]}}``; a single subscription counts as a list of one.
    """
    if isinstance(given, dict):
        for envelope in ("data", "subscriptions", "subscription"):
            if envelope in given:
                return listed(given[envelope])
        return [given] if any(name in given for pair in _NAMES.values() for name in pair) else None
    if not isinstance(given, list):
        return None
    found: list[dict[str, object]] = []
    for one in given:
        inner = listed(one) if isinstance(one, dict) else None
        if inner is None:
            if not isinstance(one, dict):
                return None
            inner = [one]
        found += inner
    return found


def unread_pages(given: object) -> bool:
    """Return whether the last of the Public API's answers in ``given`` says that more follow."""
    last = given[-1] if isinstance(given, list) and given else given
    data = last.get("data") if isinstance(last, dict) else None
    pagination = data.get("pagination") if isinstance(data, dict) else None
    return isinstance(pagination, dict) and bool(pagination.get("next"))


def shape_problems(given: Mapping[str, object]) -> Iterator[str]:
    """Yield what two names of one thing contradict, JSON text that is none, a preset that is not there."""
    if _PRESET in given and _preset(given[_PRESET]) is None:
        there = ", ".join(str(one["name"]) for one in presets())
        yield f"preset: there is no {str(given[_PRESET])[:60]!r}; there are {there}"
    for code, api in _NAMES.values():
        if code in given and api in given and given[code] != given[api]:
            yield f"{code}: {api} says otherwise; give one of them"
    for name in _NAMES["mapping"]:
        text = given.get(name)
        if isinstance(text, str) and isinstance(_parsed(text), str):
            yield f"{name}: is a text that is no JSON object; give the mapping as an object"


def shape_doubts(given: Mapping[str, object]) -> Iterator[str]:
    """Yield what works, but probably not as it is meant: unknown keys, a subscription that is not run."""
    for name in given:
        if name not in _KEYS and not str(name).startswith("_"):
            close = get_close_matches(str(name), _KEYS, 1)
            mend = f"did you mean {close[0]}?" if close else f"there are {', '.join(_SHOWN)}"
            yield f"{str(name)[:60]!r} is no key of a subscription and is ignored; {mend}"
    definition = read_definition(given)
    if definition.off:
        yield f"is not run: {definition.off}"
    if definition.guessed:
        action = definition.action
        yield f"has no actionSlug; its fields are those of {action}: add actionSlug if that is wrong"


def _preset(name: object) -> dict[str, object] | None:
    return next((one for one in presets() if one["name"] == name), None)


def _from_preset(given: Mapping[str, object]) -> Mapping[str, object]:
    """Return the subscription with what it leaves to its ``preset``; null leaves one of its fields out."""
    preset = _preset(given[_PRESET]) if _PRESET in given else None
    if preset is None:
        return given
    names = {name for pair in _NAMES.values() for name in pair}
    own = {
        name: value
        for name, value in given.items()
        if name not in _NAMES["mapping"] and not (name in names and value is None)
    }
    left = {code: preset[code] for what, (code, _) in _NAMES.items() if _said(given, what) is None}
    return {"name": preset["name"], **own, **left, "mapping": _preset_mapping(preset, given)}


def _preset_mapping(preset: Mapping[str, object], given: Mapping[str, object]) -> object:
    """Return a preset's mapping with the fields that the subscription changes."""
    mapping, changed = preset["mapping"], _said(given, "mapping")
    if isinstance(changed, str):
        changed = _parsed(changed)
    if not (isinstance(changed, Mapping) and isinstance(mapping, dict)):
        return mapping
    return {name: value for name, value in (mapping | dict(changed)).items() if value is not None}


def _said(given: Mapping[str, object], what: str) -> object:
    return next((given[name] for name in _NAMES[what] if given.get(name) is not None), None)


def _parsed(text: str) -> object:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return text
    return value if isinstance(value, dict) else text


def _off(given: Mapping[str, object]) -> str:
    if "enabled" in given and not is_on(given["enabled"]):
        return "it is switched off (enabled)"
    if any(given.get(name) for name in _MODEL):
        return "it maps rows of a Reverse ETL model, which do not come through here"
    return ""


def identities(definitions: Sequence[Definition], scope: str = "") -> list[str]:
    """Return for each subscription what it is known by: its id, else its name, else its place.

    Each is there once. ``scope``: of a destination that shares its project with another.
    """
    found: list[str] = []
    for place, one in enumerate(definitions):
        known_by = f"id {one.id}" if one.id else f"name {one.name}" if one.name else f"place {place}"
        again = sum(1 for earlier in found if earlier.partition("\n")[0] == known_by)
        found.append(f"{known_by}\n{again}" if again else known_by)
    return [f"{scope}\n\n{one}" if scope else one for one in found]
