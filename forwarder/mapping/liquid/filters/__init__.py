"""LiquidJS's filters, each in JavaScript's sense of its arguments."""

import inspect
from collections.abc import Callable, Mapping
from functools import lru_cache
from itertools import zip_longest

from forwarder.js import UNDEFINED
from forwarder.mapping.bounds import bounded
from forwarder.mapping.liquid.filters import dates, lists, numbers, texts, web
from forwarder.mapping.liquid.filters.dates import Clock
from forwarder.mapping.liquid.filters.numbers import MISSING

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
    """Return a filter for templates: arguments too many are ignored, undefined ones get their default.

    The words nil, empty and blank come as they are: JavaScript takes them for objects.
    """
    parameters = list(inspect.signature(function).parameters.values())
    variadic = any(one.kind is one.VAR_POSITIONAL for one in parameters)
    most = None if variadic else len(parameters)
    defaults = [UNDEFINED if one.default in (one.empty, MISSING) else one.default for one in parameters]

    def filter_(*arguments: object) -> object:
        given = list(arguments[:most])
        if UNDEFINED in given[1:]:
            given[1:] = [
                default if one is UNDEFINED else one
                for one, default in zip_longest(given[1:], defaults[1 : len(given)], fillvalue=UNDEFINED)
            ]
        try:
            result = function(*given)
            bounded(len(result) if isinstance(result, (str, list)) else 0)
        except (ValueError, ArithmeticError, LookupError) as error:
            raise ValueError(f"filter {name!r} failed: {error}") from error
        return result

    return filter_


def _disabled(name: str) -> Callable[..., object]:
    def filter_(*arguments: object) -> object:
        raise ValueError(f"filter {name!r} is disabled")

    return filter_


@lru_cache(maxsize=8)
def table(clock: Clock) -> Mapping[str, Callable[..., object]]:
    """Return name to filter; ``clock`` gives the present to the date filters, in seconds since the epoch."""
    every = {**texts.FILTERS, **numbers.FILTERS, **lists.FILTERS, **web.FILTERS, **dates.filters(clock)}
    adapted = {name: _adapted(name, function) for name, function in every.items()}
    return {**adapted, **{name: _disabled(name) for name in DISABLED}}
