"""A resolved mapping made into a payload: empty values removed, types coerced, unknown names dropped."""

from collections.abc import Mapping, Sequence
from typing import cast

from forwarder.amplitude.coercion import Refused, coerce
from forwarder.amplitude.fields import Field, Kind
from forwarder.errors import PayloadError
from forwarder.js import UNDEFINED

Payload = dict[str, object]


def required_names(fields: Mapping[str, Field]) -> tuple[str, ...]:
    """Return the names of the fields that must be there."""
    return tuple(name for name, field in fields.items() if field.required)


def validate(fields: Mapping[str, Field], required: Sequence[str], resolved: object) -> Payload:
    """Return the payload that ``resolved`` becomes under ``fields``, of which ``required`` must be there.

    Raises PayloadError naming every field that does not fit; places are like ``$.products[0].price``.
    """
    if not isinstance(resolved, dict):
        raise PayloadError({"$": "must be an object: the mapping's root yields something else"})
    errors: dict[str, str] = {}
    payload: Payload = {}
    for name, value in resolved.items():
        field = fields.get(name)
        # At the root an empty text counts as absent, even for text fields.
        if field is None or value == "":
            continue
        if value.__class__ is field.plain:
            payload[name] = value
        elif value is not UNDEFINED and (value is not None or field.nullable):
            payload[name] = _fitted(field, value, f"$.{name}", errors)
    missing = [name for name in required if name not in payload]
    if missing:
        errors["$"] = f"needs {' and '.join(missing)}: map a value to it that is never empty"
    if errors:
        raise PayloadError(errors)
    return payload


def _fitted(field: Field, value: object, place: str, errors: dict[str, str]) -> object:
    """Return the value as the field wants it; what cannot be is noted in ``errors``."""
    if field.multiple:
        items = value if isinstance(value, list) else [value]
        items = [one for one in items if one is not None and one != ""]
        # Inside the objects of a list, nulls and empty texts are coerced instead of removed.
        return [
            _object(field, one, f"{place}[{at}]", errors, keep_empty=True) for at, one in enumerate(items)
        ]
    if field.kind is Kind.OBJECT:
        return _object(field, value, place, errors, keep_empty=False)
    try:
        return coerce(field, value)
    except Refused as refused:
        errors[place] = str(refused)
        return None


def _object(field: Field, value: object, place: str, errors: dict[str, str], *, keep_empty: bool) -> object:
    if not isinstance(value, dict):
        errors[place] = "must be an object"
        return None
    if field.properties is None:
        return value
    fitted: Payload = {}
    for name, one in cast("Payload", value).items():
        declared = field.properties.get(name)
        if declared is None:
            if field.open:
                fitted[name] = one
            continue
        if one.__class__ is declared.plain:
            fitted[name] = one
            continue
        empty = one is None or (one == "" and declared.kind is not Kind.STRING)
        if one is UNDEFINED or (empty and not keep_empty):
            continue
        fitted[name] = _fitted(declared, one, f"{place}.{name}", errors)
    return fitted
