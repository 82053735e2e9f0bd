"""One value made to fit one field's type, or refused, as the reference's JSON schema validator does it.

The rules are lenient and uneven on purpose: they decide which events get through today.
"""

import math
from collections.abc import Callable
from typing import Final

from forwarder.amplitude.payload.dates import is_date_like
from forwarder.amplitude.payload.field import Field, Kind
from forwarder.javascript import values as js


class Refused(Exception):  # noqa: N818 - a step of validation, never seen outside
    """The value does not fit; the text says what it must be."""


_NAMES: Final = {
    Kind.STRING: "a string",
    Kind.NUMBER: "a number",
    Kind.INTEGER: "an integer",
    Kind.BOOLEAN: "true or false",
    Kind.DATETIME: "a date text or a number",
    Kind.OBJECT: "an object",
}


def _described(value: object) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if js.is_number(value):
        return "a number"
    if isinstance(value, str):
        return "a text"
    return "a list" if isinstance(value, list) else "an object"


def _string(value: object) -> object:
    if isinstance(value, bool) or js.is_number(value):
        return js.to_string(value)
    return "" if value is None else js.UNDEFINED


def _number(value: object) -> object:
    if isinstance(value, bool) or value is None:
        return int(bool(value))
    if isinstance(value, str) and value:
        number = js.string_to_number(value)
        if math.isinf(number):  # fits, and is null in the end: JSON has no infinity
            return None
        return number if number == number else js.UNDEFINED
    return js.UNDEFINED


def _integer(value: object) -> object:
    number = _number(value)
    return js.UNDEFINED if isinstance(number, float) and not number.is_integer() else number


def _boolean(value: object) -> object:
    if value is None or value == "false" or (js.is_number(value) and value == 0):
        return False
    return True if value == "true" or (js.is_number(value) and value == 1) else js.UNDEFINED


def _null(value: object) -> object:
    empty = value == "" or value is False or (js.is_number(value) and value == 0)
    return None if empty else js.UNDEFINED


def _is_string(value: object) -> bool:
    return isinstance(value, str)


def _is_number(value: object) -> bool:
    return js.is_number(value) and math.isfinite(js.to_double(value))  # type: ignore[arg-type]


def _is_integer(value: object) -> bool:
    return _is_number(value) and (isinstance(value, int) or float(value).is_integer())  # type: ignore[arg-type]


def _is_boolean(value: object) -> bool:
    return isinstance(value, bool)


def _is_null(value: object) -> bool:
    return value is None


_Type = tuple[Callable[[object], bool], Callable[[object], object]]
_STRING: Final[_Type] = (_is_string, _string)
_NUMBER: Final[_Type] = (_is_number, _number)
_NULL: Final[_Type] = (_is_null, _null)
_TYPES: Final[dict[Kind, tuple[_Type, ...]]] = {
    Kind.STRING: (_STRING,),
    Kind.NUMBER: (_NUMBER,),
    Kind.INTEGER: ((_is_integer, _integer),),
    Kind.BOOLEAN: ((_is_boolean, _boolean),),
    Kind.DATETIME: (_STRING, _NUMBER),
}


_NUMERIC: Final = frozenset((Kind.NUMBER, Kind.INTEGER, Kind.DATETIME))
_OF_CONSTANTS: Final = (bool, type(None))
_CONSTANTS: Final[dict[object, dict[Kind, object]]] = {
    None: {Kind.STRING: "", Kind.NUMBER: 0, Kind.INTEGER: 0, Kind.BOOLEAN: False},
    False: {Kind.STRING: "false", Kind.NUMBER: 0, Kind.INTEGER: 0, Kind.BOOLEAN: False},
    True: {Kind.STRING: "true", Kind.NUMBER: 1, Kind.INTEGER: 1, Kind.BOOLEAN: True},
}


def _as_usual(field: Field, value: object) -> object:
    """Return what nearly all values become, UNDEFINED for those that ``_looked_at`` has to look at.

    Equal to it: ``tests/unit/amplitude/test_coercion.py``. What comes often, or in thousands in one event,
    is cheap here: ``build.py bench abuse`` finds the dearest.
    """
    kind, of = field.kind, value.__class__
    if of is str:
        fits = kind is Kind.STRING and (not field.choices or value in field.choices)
        return value if fits else js.UNDEFINED
    if field.choices:
        return js.UNDEFINED
    if of in _OF_CONSTANTS and not field.nullable:
        return _CONSTANTS[value].get(kind, js.UNDEFINED)
    if of is int and -js.SAFE_INTEGER <= value <= js.SAFE_INTEGER:  # type: ignore[operator]
        return value if kind in _NUMERIC else str(value) if kind is Kind.STRING else js.UNDEFINED
    fits = of is float and kind is Kind.NUMBER and math.isfinite(value)  # type: ignore[arg-type]
    return value if fits else js.UNDEFINED


def coerce(field: Field, value: object) -> object:
    """Return ``value`` as the scalar ``field`` wants it. Raises Refused; objects are not for here."""
    usual = _as_usual(field, value)
    return _looked_at(field, value) if usual is js.UNDEFINED else usual


def _looked_at(field: Field, value: object) -> object:
    if field.kind is Kind.DATETIME and isinstance(value, str) and is_date_like(value):
        return value
    types = _TYPES[field.kind]
    if field.nullable:
        types = (*types, _NULL)
    if not any(fits(value) for fits, _ in types):
        value = _converted(types, value, field)
    if field.choices and value not in field.choices:
        raise Refused(f"must be one of {', '.join(field.choices)}")
    if field.kind is Kind.DATETIME and isinstance(value, str) and not is_date_like(value):
        raise Refused("must be a date text like 2024-06-01T08:30:00Z, or a number")
    return value


def _converted(types: tuple[_Type, ...], value: object, field: Field) -> object:
    inner = value[0] if isinstance(value, list) and len(value) == 1 else value
    # A list of one fitting value is unwrapped, but only where the field has a single type.
    if inner is not value and len(types) == 1 and types[0][0](inner):
        return inner
    for _, convert in types:
        converted = convert(inner)
        if converted is not js.UNDEFINED:
            return converted
    wanted = _NAMES[field.kind] + (" or null" if field.nullable else "")
    raise Refused(f"must be {wanted}, but is {_described(value)}")
