"""Every mistake in a destination's configuration, each on one line with where it is and how to mend it."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from difflib import get_close_matches
from typing import Final, cast

from browser_plugin.settings import settings_doubts
from forwarder.amplitude.actions.fields import ACTIONS
from forwarder.amplitude.actions.presets import SESSION_ACTION
from forwarder.amplitude.payload.coercion import Refused, coerce
from forwarder.amplitude.payload.field import Field, Kind
from forwarder.amplitude.settings import settings_problems
from forwarder.amplitude.subscriptions import Definition, read_definition, shape_doubts, shape_problems
from forwarder.errors import ConfigError, TriggerError
from forwarder.javascript.packages import LIQUID, USER_AGENTS
from forwarder.mapping import mapping_problems
from forwarder.triggers import compile_trigger, trigger_warnings

MOST_SUBSCRIPTIONS: Final = 50
_OWN_KEYS: Final = "__segment_internal"
"""Segment keeps notes of its own under keys that start like this; they are no fields."""


def errors_of(settings: Mapping[str, object], subscriptions: Sequence[object] | None = None) -> list[str]:
    """Return a line for every mistake in a destination's settings and subscriptions; None: the presets."""
    found = [*settings_problems(settings), *_package_problems()]
    if subscriptions is None:
        return found
    if len(subscriptions) > MOST_SUBSCRIPTIONS:
        found.append(
            f"subscriptions: there are {len(subscriptions)}, the {MOST_SUBSCRIPTIONS + 1}st is one too many; "
            f"remove some or add a second destination"
        )
    for number, each in enumerate(subscriptions):
        place = _place(number, each)
        found += [f"{place}: {problem}" for problem in subscription_errors(each)]
    return found


def warnings_of(subscriptions: Sequence[object] | None) -> list[str]:
    """Return a line for everything that works but probably does not do what is meant."""
    found = []
    numbered = [(_place(number, each), each) for number, each in enumerate(subscriptions or ())]
    readable = [(place, each, read_definition(each)) for place, each in numbered if isinstance(each, dict)]
    own_ids = Counter(_own_id(definition) for _, _, definition in readable)
    for place, each, definition in readable:
        found += [f"{place}: {doubt}" for doubt in subscription_warnings(each)]
        own = _own_id(definition)
        if own and own_ids[own] > 1:
            found.append(
                f"{place}: mapping.insert_id: another subscription makes the same; of one message Amplitude"
                " then counts one of the two. Leave insert_id out: each gets its own"
            )
    return found


def subscription_errors(subscription: object) -> list[str]:
    """Return a line for every mistake in one subscription, each with its field."""
    return list(_subscription(subscription))


def subscription_warnings(subscription: Mapping[str, object]) -> list[str]:
    """Return a line for everything in one usable subscription that probably does not do what is meant."""
    return [*shape_doubts(subscription), *_definition_doubts(read_definition(subscription))]


def _own_id(definition: Definition) -> str:
    """Return what a subscription that is run makes insert ids of, as text; empty: it leaves that to us."""
    mapping = definition.mapping if isinstance(definition.mapping, dict) else {}
    return "" if definition.off else str(mapping.get("insert_id") or "")


def _definition_doubts(definition: Definition) -> Iterator[str]:
    action, mapping = definition.action, definition.mapping
    try:
        for warning in trigger_warnings(cast("str", definition.trigger)):
            yield f"subscribe: {warning}"
    except (TriggerError, TypeError):
        pass  # a problem, not a doubt
    if isinstance(action, str) and action in ACTIONS and isinstance(mapping, dict):
        if not _has_root_directive(mapping):
            yield from _unknown(ACTIONS[action], mapping, "mapping", is_open=False)
    elif action == SESSION_ACTION and isinstance(mapping, dict):
        for doubt in settings_doubts(mapping):
            yield f"mapping.{doubt}"


def _unknown(
    fields: Mapping[str, Field], mapping: Mapping[str, object], place: str, *, is_open: bool
) -> Iterator[str]:
    """Yield the names that are no fields: Segment ignores them, be they misspelt or retired."""
    for name, node in mapping.items():
        field = fields.get(name)
        if field is None:
            if not is_open and not name.startswith(_OWN_KEYS):
                mend = _instead(name, list(fields))
                yield f"{place}.{name}: there is no such field, so it is ignored; {mend}"
        elif _lists_properties(field, node):
            inner = cast("dict[str, object]", node)
            yield from _unknown(field.properties or {}, inner, f"{place}.{name}", is_open=field.open)


def _lists_properties(field: Field, node: object) -> bool:
    return (
        isinstance(node, dict)
        and field.properties is not None
        and not any(key.startswith("@") for key in node)
    )


def _place(number: int, subscription: object) -> str:
    name = subscription.get("name") if isinstance(subscription, dict) else None
    return f"subscriptions[{number}] {str(name)[:60]!r}" if name else f"subscriptions[{number}]"


def _package_problems() -> Iterator[str]:
    for package in (LIQUID, USER_AGENTS):
        try:
            _ = package.path
        except ConfigError as error:
            yield from error.problems


def _subscription(subscription: object) -> Iterator[str]:
    if not isinstance(subscription, dict):
        yield "must be an object with subscribe, partnerAction and mapping"
        return
    yield from shape_problems(subscription)
    definition = read_definition(subscription)
    fields = ACTIONS.get(definition.action) if isinstance(definition.action, str) else None
    if fields is None and definition.action != SESSION_ACTION:
        yield _unknown_action(definition.action)
    yield from _trigger(definition.trigger)
    yield from _mapping(definition.mapping, fields)


def _unknown_action(action: object) -> str:
    what = "partnerAction: is missing" if action is None else f"partnerAction: there is no {action!r}"
    return f"{what}; {_instead(str(action), [*ACTIONS, SESSION_ACTION])}"


def _trigger(trigger: object) -> Iterator[str]:
    if not isinstance(trigger, str):
        yield 'subscribe: must be a trigger as text; for example: type = "track"'
        return
    try:
        compile_trigger(trigger)
    except TriggerError as error:
        yield f"subscribe: {error}"


def _mapping(mapping: object, fields: Mapping[str, Field] | None) -> Iterator[str]:
    """Yield the mistakes of a mapping for an action with ``fields``, None for an unknown action."""
    if mapping is not None and not isinstance(mapping, dict):
        if not isinstance(mapping, str):  # shape_problems has said that the text is no JSON
            yield "mapping: must be an object of the action's fields"
        return
    mapping = mapping or {}
    for mistake in mapping_problems(mapping):
        yield f"mapping.{mistake}" if mistake.field else f"mapping: {mistake}"
    if fields is not None and not _has_root_directive(mapping):
        yield from _fields(fields, mapping)


def _has_root_directive(mapping: Mapping[str, object]) -> bool:
    return any(name.startswith("@") or name == f"{_OWN_KEYS}_directive" for name in mapping)


def _fields(fields: Mapping[str, Field], mapping: Mapping[str, object]) -> Iterator[str]:
    for name, field in fields.items():
        if field.required and mapping.get(name) in (None, ""):
            yield f"mapping.{name}: is missing, and nothing is sent without it; map a value to it"
    yield from _values(fields, mapping, "mapping")


def _values(fields: Mapping[str, Field], mapping: Mapping[str, object], place: str) -> Iterator[str]:
    for name, node in mapping.items():
        field = fields.get(name)
        if field is None:
            continue  # a doubt
        if _lists_properties(field, node):
            yield from _values(field.properties or {}, cast("dict[str, object]", node), f"{place}.{name}")
        elif not isinstance(node, dict) and node is not None and node != "" and not field.multiple:
            yield from _constant(field, node, f"{place}.{name}")


def _constant(field: Field, value: object, place: str) -> Iterator[str]:
    if field.kind is Kind.OBJECT:
        yield f"{place}: must be an object; map a path to it or list its properties"
        return
    try:
        coerce(field, value)
    except Refused as refused:
        yield f"{place}: {refused}"


def _instead(name: str, known: Sequence[str]) -> str:
    close = get_close_matches(name.replace("-", "_"), known, 1)
    if not close:  # userId for user_id
        close = [one for one in known if _bare(one) == _bare(name)]
    if close:
        return f"did you mean {close[0]}?"
    return f"use one of {', '.join(sorted(known))}"


def _bare(name: str) -> str:
    return name.replace("_", "").lower()
