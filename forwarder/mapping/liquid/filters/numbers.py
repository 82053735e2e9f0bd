"""Filters on numbers; what is no number counts as 0."""

import math
from collections.abc import Callable

from forwarder.js import whole
from forwarder.mapping.liquid.values import number, numeric

EPSILON = 2**-52

MISSING = math.nan
"""An argument that is not given makes the result NaN; a given one that is no number counts as 0."""


def _divide(left: float, right: float) -> float:
    if right == 0:
        undecided = left == 0 or math.isnan(left)
        return math.nan if undecided else math.copysign(math.inf, left) * math.copysign(1, right)
    return left / right


def _result(value: float) -> float:
    return whole(float(value))


def _operand(value: object) -> float:
    """Return an argument as number."""
    return MISSING if value is MISSING else float(number(value))


def _rounded(value: float, how: str) -> float:
    if not math.isfinite(value):
        return value
    return {"up": math.ceil, "down": math.floor}[how](value)


def _modulo(value: object, by: object = MISSING) -> float:
    left, right = float(number(value)), _operand(by)
    if right == 0 or math.isinf(left) or math.isnan(right):
        return math.nan
    return _result(math.fmod(math.fmod(left, right) + right, right))


def _round(value: object, digits: object = 0) -> float:
    try:
        amount = math.pow(10, number(digits))
    except OverflowError:
        amount = math.inf
    scaled = float(number(value)) * amount * (1 + EPSILON)
    return _result(_divide(math.floor(scaled + 0.5) if math.isfinite(scaled) else scaled, amount))


def _divided_by(value: object, by: object = MISSING, whole_numbers: object = False) -> float:
    quotient = _divide(float(number(value)), _operand(by))
    return _result(_rounded(quotient, "down") if number(whole_numbers) else quotient)


FILTERS: dict[str, Callable[..., object]] = {
    "abs": lambda value: abs(number(value)),
    "at_least": lambda *values: max(map(number, values)),
    "at_most": lambda *values: min(map(number, values)),
    "ceil": lambda value: _rounded(number(value), "up"),
    "floor": lambda value: _rounded(number(value), "down"),
    "plus": lambda value, by=MISSING: _result(float(number(value)) + _operand(by)),
    "minus": lambda value, by=MISSING: _result(float(number(value)) - _operand(by)),
    "times": lambda value, by=MISSING: _result(float(number(value)) * _operand(by)),
    "divided_by": _divided_by,
    "modulo": _modulo,
    "round": _round,
    "to_integer": numeric,
}
