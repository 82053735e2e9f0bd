"""What the fields of an object take: compiled into a mapping, so that values are looked at once."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from forwarder.javascript.values import SAFE_INTEGER, UNDEFINED

Values: TypeAlias = dict[str, object]
Errors: TypeAlias = dict[str, str]
"""Place (as ``$.name``) to what is wrong with the value there."""
Rules: TypeAlias = Mapping[str, "Rule"]
CoercedFields: TypeAlias = Callable[[object], tuple[Values, Values, Errors]]
"""A payload to the fields that fit, those of them that are kept apart, and what is wrong with the others."""


@dataclass(frozen=True, slots=True)
class Rule:
    """The rule of one field: which values it accepts.

    ``plain``: values of this class are accepted as they are (see ``fits_plainly``), empty texts only if
    ``empty``; None: all are looked at. ``put``: gives the object what any other value becomes, or notes in
    the errors why it cannot be. ``properties``: the rules of an object's own fields; ``is_open``: it may have
    others as well. ``is_scalar``: the field holds no object and no list, so a list's undefined elements stay
    undefined for ``put``: ``[undefined]`` does not fit a text, ``[null]`` becomes "". ``apart``: an option,
    which goes into an object beside the result.
    """

    plain: type | None
    empty: bool
    put: Callable[[Values, object, Errors], None]
    properties: Rules | None = None
    is_open: bool = True
    is_scalar: bool = False
    apart: bool = False


def fits_plainly(value: object, plain: type | None) -> bool:
    """Return whether the value is of that class; int: doubles hold it exactly; float: of these two."""
    of = value.__class__
    if plain is int or plain is float:
        return (of is int or of is plain) and -SAFE_INTEGER <= value <= SAFE_INTEGER  # type: ignore[operator]
    return of is plain


def plain_check(name: str, plain: type, *, empty: bool) -> str:
    """Return ``fits_plainly`` of a local name as an expression, which for a text also tells emptiness.

    The fast path beside ``Rule.put``, to which all else goes: without it planning takes 23.4 us an event, not
    17.3, a twentieth of the whole way. The vectors and ``tests/property/test_planning.py`` hold both.
    """
    if plain is int or plain is float:
        of = f"{name}.__class__"
        number = f"{of} is int" if plain is int else f"({of} is float or {of} is int)"
        return f"{number} and {-SAFE_INTEGER} <= {name} <= {SAFE_INTEGER}"
    full = f" and {name}" if plain is str and not empty else ""
    return f"{name}.__class__ is {plain.__name__}{full}"


def fitted(rules: Rules, resolved: object) -> tuple[Values, Values, Errors]:
    """Return what an object becomes under the rules, field by field, what is apart, and what does not fit."""
    values: Values = {}
    apart: Values = {}
    errors: Errors = {}
    if not isinstance(resolved, dict):
        return values, apart, {"$": "must be an object: the mapping's root yields something else"}
    for name, value in resolved.items():
        rule = rules.get(name)
        if rule is not None and value is not UNDEFINED:
            rule.put(apart if rule.apart else values, value, errors)
    return values, apart, errors
