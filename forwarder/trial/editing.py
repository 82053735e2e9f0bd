"""A subscription as somebody edits it: what it says, and what is wrong with it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, NoReturn

from forwarder.amplitude.problems import subscription_errors, subscription_warnings
from forwarder.amplitude.subscriptions import Definition, read_definition

MOST_CHARACTERS: Final = 100_000
"""Characters of a mapping: a preset's has 3,000, the largest known a few times that."""


@dataclass(frozen=True, slots=True)
class Edited:
    """An edited subscription.

    ``trigger``, ``mapping``: the texts as they were given; ``subscription``: what they come to, in Segment's
    JSON shape; ``errors``: a line for each mistake, with its field and how to mend it; ``warnings``: what
    works but probably does not do what is meant.
    """

    trigger: str
    mapping: str
    is_on: bool
    subscription: dict[str, object]
    errors: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()

    @property
    def exported(self) -> str:
        """Return the subscription as readable JSON."""
        return json.dumps(self.subscription, indent=2, ensure_ascii=False)


def as_edited(given: Mapping[str, object]) -> Edited:
    """Return a configured subscription as it can be edited, with what it leaves to a preset."""
    definition = read_definition(given)
    trigger = definition.trigger if isinstance(definition.trigger, str) else ""
    mapping = json.dumps(definition.mapping or {}, indent=2, ensure_ascii=False, default=str)
    whole = _whole(definition, trigger, definition.mapping or {}, is_on=not definition.off)
    return Edited(trigger, mapping, not definition.off, whole)


def edit(given: Mapping[str, object], trigger: str, mapping: str, *, is_on: bool) -> Edited:
    """Return a configured subscription with another trigger and mapping. ``mapping``: JSON, as text."""
    trigger = " ".join(trigger.split())
    definition = read_definition(given)
    fields: object = {}
    errors: list[str] = []
    try:
        fields = _read_mapping(mapping)
    except ValueError as error:
        errors.append(f"mapping: {error}")
    whole = _whole(definition, trigger, fields, is_on=is_on)
    if not errors:
        errors += subscription_errors(whole)
    warnings = [] if errors else subscription_warnings(whole)
    if not is_on:
        warnings = [one for one in warnings if not one.startswith("is not run")]
    return Edited(trigger, mapping, is_on, whole, tuple(errors), tuple(warnings))


def _whole(definition: Definition, trigger: str, mapping: object, *, is_on: bool) -> dict[str, object]:
    """Return a subscription that is known by the same id and name, so that its insert ids stay."""
    known = {"id": definition.id, "name": definition.name}
    named: dict[str, object] = {name: text for name, text in known.items() if text}
    shown = {"enabled": is_on, "partnerAction": definition.action, "subscribe": trigger, "mapping": mapping}
    return named | shown


def _read_mapping(text: str) -> dict[str, Any]:
    """Return a mapping. Raises ValueError with what is wrong, where, and how to mend it."""
    if len(text) > MOST_CHARACTERS:
        raise ValueError(f"has {len(text):,} characters; at most {MOST_CHARACTERS:,} can be tried here")
    try:
        value = json.loads(text, object_pairs_hook=_each_once, parse_constant=_no_constant)
    except json.JSONDecodeError as error:
        said = error.msg[:1].lower() + error.msg[1:]
        raise ValueError(
            f"line {error.lineno}, column {error.colno} is not JSON: {said}; see the commas and quotes there"
        ) from None
    except RecursionError:
        raise ValueError("is nested too deeply; use fewer levels") from None
    if not isinstance(value, dict):
        raise ValueError('must be an object of the action\'s fields, like {"user_id": {"@path": "$.userId"}}')
    return value


def _each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return an object. Raises ValueError for a name that stands twice in it: only the last would count."""
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"{twice!r} stands twice in one object; remove one of the two")
    return found


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON; write a number or null")
