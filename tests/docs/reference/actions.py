"""The actions and their fields, and the presets."""

from collections.abc import Iterator
from typing import Any

from forwarder.amplitude.actions.fields import ACTIONS, default_mapping
from forwarder.amplitude.actions.presets import DEFAULT_TRIGGERS, SESSION_ACTION, presets
from forwarder.amplitude.payload.field import Field
from forwarder.amplitude.session_mapping import _SETTINGS as SESSION_FIELDS
from tests.docs.reference.markdown import block, code, table

NAMES = {
    "logEvent": (
        "Log Event",
        "Sends an event; the older form of Log Event V2, with attribution as plain fields.",
    ),
    "logEventV2": (
        "Log Event V2",
        "Sends an event, with user properties to set once, to set always and to add to.",
    ),
    "logPurchase": (
        "Log Purchase",
        "Sends an order: its revenue once, or with trackRevenuePerProduct one event for each product.",
    ),
    "identifyUser": ("Identify User", "Sets a user id of a device, or user properties, without an event."),
    "groupIdentifyUser": (
        "Group Identify User",
        "Puts a user into a group, and sets the group's properties.",
    ),
    "mapUser": ("Map User", "Merges a user into another one."),
}
"""Segment's name of each action, and what it does."""


def actions() -> str:
    """Return the page of actions."""
    parts = [
        "# Which actions are there, and which fields have they?\n",
        "An action says what becomes of an event that a subscription's trigger matches. A subscription names it in"
        " `partnerAction` (or `actionSlug`), and says in `mapping` what its fields are made from. The column *default*"
        " is what a field is mapped from in a preset; in a mapping of your own a field that is left out is not sent."
        " An object field that is *closed* keeps only the properties that it declares.\n",
    ]
    for action, fields in ACTIONS.items():
        name, what = NAMES[action]
        parts += [
            f"## {name}\n",
            f"`{action}`. {what} Trigger when it is added by hand: `{DEFAULT_TRIGGERS[action]}`.\n",
            table(("field", "type", "default"), _rows(fields)),
        ]
    parts += [
        "## Browser Session Tracking\n",
        f"`{SESSION_ACTION}`. Sends nothing: its fields are settings of the session plugin, which the forwarder"
        " brings to pages.\n",
        table(
            ("field", "setting of the plugin"),
            ((code(one), code(to.page)) for one, to in SESSION_FIELDS.items()),
        ),
    ]
    return "\n".join(parts)


def _rows(fields: dict[str, Field]) -> Iterator[tuple[str, str, str]]:
    for name, field in fields.items():
        yield code(name), _type(field), _default(field.default)
        for inner, each in (field.properties or {}).items():
            yield code(f"{name}.{inner}"), _type(each), "" if field.multiple else _default(each.default)


def _type(field: Field) -> str:
    words = [f"list of {field.kind}s" if field.multiple else str(field.kind)]
    if field.required:
        words.append("**required**")
    if field.nullable:
        words.append("null is sent")
    if field.choices:
        words.append(" or ".join(map(code, field.choices)))
    if field.properties is not None and not field.open:
        words.append("closed")
    return ", ".join(words)


def _default(node: Any) -> str:
    """Return a default as a path, or in the words of its directive."""
    if node is None:
        return ""
    if isinstance(node, dict) and "@path" in node:
        return code(node["@path"])
    if isinstance(node, dict) and "@if" in node:
        return f"{_default(node['@if']['then'])}, else {_default(node['@if']['else'])}"
    if isinstance(node, dict) and "@arrayPath" in node:
        return f"each of {code(node['@arrayPath'][0])}"
    if isinstance(node, dict) and not any(name.startswith("@") for name in node):
        return "see its properties"
    return code(node)


def preset_page() -> str:
    """Return the page of presets."""
    made = presets()
    rows = ((str(one["name"]), code(one["subscribe"]), code(one["partnerAction"])) for one in made)
    parts = [
        "# What holds without any mapping?\n",
        "A destination without subscriptions has Segment's presets. `alias` and `group` have none: without a"
        " mapping of Map User or Group Identify User they are filtered.\n",
        table(("preset", "trigger", "action"), rows),
        "`forwarder presets` prints them as JSON, `forwarder presets NAME` one of them. A subscription may say only"
        " what differs:\n",
        block([{"preset": "Track Calls", "mapping": {"app_version": "1.2"}}]),
        "Their mappings are the actions' [defaults](actions.md), but for these fields:\n",
    ]
    for one in made:
        action, mapping = str(one["partnerAction"]), one["mapping"]
        assert isinstance(mapping, dict)
        usual = {} if action == SESSION_ACTION else default_mapping(action)
        parts += [
            f"- {one['name']}: {code(name)} is {code(node)}"
            for name, node in mapping.items()
            if usual[name] != node
        ]
    return "\n".join(parts) + "\n"
