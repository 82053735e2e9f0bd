"""A resolved mapping made into a payload: empty values removed, types coerced, unknown names dropped."""

from collections.abc import Callable, Mapping
from typing import TypeAlias, cast

import msgspec

from forwarder.amplitude.payload.coercion import Refused, coerce
from forwarder.amplitude.payload.dates import is_date_like
from forwarder.amplitude.payload.field import Field, Kind
from forwarder.errors import PayloadError
from forwarder.javascript.values import UNDEFINED
from forwarder.mapping import compile_fields
from forwarder.mapping.compiler.rules import Errors, Rule, fits_plainly

Values: TypeAlias = dict[str, object]
_MOST_ERRORS = 100
"""Errors in the elements of a list that are named: a list of thousands would make a megabyte of text."""


class Payload(msgspec.Struct):
    """An action's fields as an event fills them.

    ``sent``: those that are sent under their own name; ``options``: those that say how to make the rest.
    """

    sent: Values
    options: Values

    def get(self, name: str) -> object:
        """Return a field's value, None where it has none."""
        return self.options.get(name, self.sent.get(name))


def compile_payload(
    fields: Mapping[str, Field], mapping: object, options: frozenset[str] = frozenset()
) -> Callable[[object], Payload]:
    """Return the function that makes an event the payload of an action with these fields.

    ``options``: names of those that are not sent. It raises MappingError, and PayloadError naming every
    field that does not fit; places are like ``$.products[0].price``. Raises MappingError if the mapping
    cannot be used.
    """
    rules = {name: _rule(field, name, apart=name in options) for name, field in fields.items()}
    resolve = compile_fields(mapping, rules)
    required = [name for name, field in fields.items() if field.required]

    def payload_of(event: object) -> Payload:
        sent, apart, errors = resolve(event)
        for name in required:
            if name not in sent:
                missing = " and ".join(name for name in required if name not in sent)
                errors["$"] = f"needs {missing}: map a value to it that is never empty"
        if errors:
            raise PayloadError(errors)
        return Payload(sent, apart)

    return payload_of


def _rule(field: Field, name: str, *, apart: bool) -> Rule:
    """Return the rule of an action's field: at the root an empty text counts as absent, even for texts."""
    place = f"$.{name}"

    def put(values: Values, value: object, errors: Errors) -> None:
        if value is None:
            if field.nullable:
                values[name] = None
        elif is_datetime and isinstance(value, str) and is_date_like(value):
            values[name] = value
        elif value != "":
            values[name] = _fitted(field, value, place, errors)

    is_datetime = field.kind is Kind.DATETIME
    properties = None
    if field.properties is not None and not field.multiple:
        properties = {
            inner: _inner_rule(one, inner, f"{place}.{inner}") for inner, one in field.properties.items()
        }
    is_scalar = field.kind is not Kind.OBJECT
    return Rule(field.plain, False, put, properties, is_open=field.open, is_scalar=is_scalar, apart=apart)


def _inner_rule(field: Field, name: str, place: str) -> Rule:
    """Return the rule of a declared property of an object."""
    empty = field.kind is Kind.STRING

    def put(values: Values, value: object, errors: Errors) -> None:
        if value is not None and (empty or value != ""):
            values[name] = _fitted(field, value, place, errors)

    return Rule(field.plain, empty, put, is_scalar=True)


def _fitted(field: Field, value: object, place: str, errors: Errors) -> object:
    """Return the value as the field wants it; what cannot be is noted in ``errors``."""
    if field.multiple:
        items = value if isinstance(value, list) else [value]
        items = [one for one in items if one is not None and one != ""]
        # Inside the objects of a list, nulls and empty texts are coerced instead of removed.
        fitted: list[object] = []
        for at, one in enumerate(items):
            fitted.append(_object(field, one, f"{place}[{at}]", errors, keep_empty=True))
            if len(errors) >= _MOST_ERRORS:
                break  # nothing is sent in any case
        return fitted
    if field.kind is Kind.OBJECT:
        return _object(field, value, place, errors, keep_empty=False)
    try:
        return coerce(field, value)
    except Refused as refused:
        errors[place] = str(refused)
        return None


def _object(field: Field, value: object, place: str, errors: Errors, *, keep_empty: bool) -> object:
    if not isinstance(value, dict):
        errors[place] = "must be an object"
        return None
    if field.properties is None:
        return value
    fitted: Values = {}
    for name, one in cast("Values", value).items():
        declared = field.properties.get(name)
        if declared is None:
            if field.open:
                fitted[name] = one
            continue
        if fits_plainly(one, declared.plain):
            fitted[name] = one
            continue
        empty = one is None or (one == "" and declared.kind is not Kind.STRING)
        if one is UNDEFINED or (empty and not keep_empty):
            continue
        fitted[name] = _fitted(declared, one, f"{place}.{name}", errors)
    return fitted
