"""Every mistake in a destination's configuration, each on one line with where it is and how to mend it."""

from collections.abc import Iterator, Mapping, Sequence
from difflib import get_close_matches
from typing import Final, cast

from forwarder.amplitude.coercion import Refused, coerce
from forwarder.amplitude.field import Field, Kind
from forwarder.amplitude.fields import ACTIONS
from forwarder.amplitude.presets import SESSION_ACTION
from forwarder.amplitude.settings import settings_problems
from forwarder.errors import ConfigError, TriggerError
from forwarder.javascript.packages import LIQUID, USER_AGENTS
from forwarder.mapping import mapping_problems
from forwarder.triggers import compile_trigger, trigger_warnings

MOST_SUBSCRIPTIONS: Final = 50
_OWN_KEYS: Final = "__segment_internal"
"""Segment keeps notes of its own under keys that start like this; they are no fields."""


def problems(settings: Mapping[str, object], subscriptions: Sequence[object] | None = None) -> list[str]:
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
        found += [f"{place}: {problem}" for problem in _subscription(each)]
    return found


def doubts(subscriptions: Sequence[object] | None) -> list[str]:
    """Return a line for every trigger that works but probably does not do what is meant."""
    found = []
    for number, each in enumerate(subscriptions or ()):
        try:
            warnings = trigger_warnings(each["subscribe"])  # type: ignore[index]
        except (TriggerError, LookupError, TypeError):
            continue  # a problem, not a doubt
        found += [f"{_place(number, each)}: subscribe: {warning}" for warning in warnings]
    return found


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
    action = subscription.get("partnerAction")
    known = isinstance(action, str) and action in ACTIONS
    if not known and action != SESSION_ACTION:
        what = "partnerAction: is missing" if action is None else f"partnerAction: there is no {action!r}"
        yield f"{what}; {_instead(str(action), [*ACTIONS, SESSION_ACTION])}"
    trigger = subscription.get("subscribe")
    if not isinstance(trigger, str):
        yield 'subscribe: must be a trigger as text; for example: type = "track"'
    else:
        try:
            compile_trigger(trigger)
        except TriggerError as error:
            yield f"subscribe: {error}"
    mapping = subscription.get("mapping")
    if mapping is not None and not isinstance(mapping, dict):
        yield "mapping: must be an object of the action's fields"
        return
    for mistake in mapping_problems(mapping or {}):
        yield f"mapping.{mistake}" if mistake.field else f"mapping: {mistake}"
    if known and not _has_root_directive(mapping or {}):
        yield from _fields(ACTIONS[cast("str", action)], mapping or {})


def _has_root_directive(mapping: Mapping[str, object]) -> bool:
    return any(name.startswith("@") or name == f"{_OWN_KEYS}_directive" for name in mapping)


def _fields(fields: Mapping[str, Field], mapping: Mapping[str, object]) -> Iterator[str]:
    for name, field in fields.items():
        if field.required and mapping.get(name) in (None, ""):
            yield f"mapping.{name}: is missing, and nothing is sent without it; map a value to it"
    yield from _values(fields, mapping, "mapping", is_open=False)


def _values(
    fields: Mapping[str, Field], mapping: Mapping[str, object], place: str, *, is_open: bool
) -> Iterator[str]:
    for name, node in mapping.items():
        field = fields.get(name)
        if field is None:
            if not is_open and not name.startswith(_OWN_KEYS):
                yield f"{place}.{name}: there is no such field; {_instead(name, list(fields))}"
        elif isinstance(node, dict):
            if field.properties is not None and not any(key.startswith("@") for key in node):
                yield from _values(field.properties, node, f"{place}.{name}", is_open=field.open)
        elif node is not None and node != "" and not field.multiple:
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
