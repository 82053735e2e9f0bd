"""LiquidJS's filters, each in JavaScript's sense of its arguments."""

import inspect
from collections.abc import Callable
from typing import Any

from liquid.exceptions import FilterError

from forwarder.mapping.liquid.filters import dates, lists, numbers, texts, web
from forwarder.mapping.liquid.filters.dates import Clock
from forwarder.mapping.liquid.values import bounded, plain

__all__ = ["Clock", "table"]

DISABLED = [
    "array_to_sentence_string",
    "concat",
    "find",
    "find_exp",
    "find_index",
    "find_index_exp",
    "group_by",
    "group_by_exp",
    "has",
    "has_exp",
    "map",
    "newline_to_br",
    "reject",
    "reject_exp",
    "reverse",
    "sample",
    "sort",
    "sort_natural",
    "uniq",
    "where_exp",
    "type",
]
"""Filters the reference switches off, and ``sample``, whose result is random."""


def _adapted(name: str, function: Callable[..., object]) -> Callable[..., object]:
    """Return a filter for python-liquid: undefined arguments are UNDEFINED, surplus ones are ignored."""
    parameters = inspect.signature(function).parameters.values()
    variadic = any(parameter.kind is parameter.VAR_POSITIONAL for parameter in parameters)
    most = None if variadic else sum(parameter.kind is not parameter.KEYWORD_ONLY for parameter in parameters)
    named = {parameter.name for parameter in parameters if parameter.kind is parameter.KEYWORD_ONLY}

    def filter_(value: object, *arguments: object, **options: object) -> object:
        given = [plain(one) for one in (value, *arguments)][:most]
        try:
            result = function(*given, **{key: plain(one) for key, one in options.items() if key in named})
            bounded(len(result) if isinstance(result, (str, list)) else 0)
        except (ValueError, ArithmeticError, LookupError) as error:
            raise FilterError(f"filter {name!r} failed: {error}", token=None) from error
        return result

    return filter_


def _disabled(name: str) -> Callable[..., object]:
    def filter_(*arguments: object, **options: object) -> object:
        raise FilterError(f"filter {name!r} is disabled", token=None)

    return filter_


def table(clock: Clock) -> dict[str, Callable[..., Any]]:
    """Return name to filter; ``clock`` gives the present to the date filters, in seconds since the epoch."""
    every = {**texts.FILTERS, **numbers.FILTERS, **lists.FILTERS, **web.FILTERS, **dates.filters(clock)}
    adapted = {name: _adapted(name, function) for name, function in every.items()}
    return {**adapted, **{name: _disabled(name) for name in DISABLED}}
