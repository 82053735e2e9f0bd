"""Segment's mapping directives, compiled once into Python functions."""

import time
from collections.abc import Callable
from typing import Any, TypeVar

from forwarder.errors import MappingError
from forwarder.javascript.values import UNDEFINED
from forwarder.mapping.compiler.generator import SourceGenerator
from forwarder.mapping.compiler.rules import CoercedFields, Rules, fitted
from forwarder.mapping.runtime.liquid import Clock
from forwarder.mapping.shapes import is_plain_object, kind_of, root_of
from forwarder.mapping.validation import any_node, validate

__all__ = ["compile_fields", "compile_mapping", "mapping_problems"]

Result = TypeVar("Result")


def compile_mapping(mapping: object, *, clock: Clock = time.time) -> Callable[[object], object]:
    """Return the function that maps a payload (a JSON object; UNDEFINED counts as empty) as Segment does.

    ``clock`` gives the present in seconds since the epoch, for Liquid's ``now`` alone.

    The function returns any JSON value, UNDEFINED if there is none, and raises nothing but MappingError.
    Parts of the payload are passed on as they are, not copied. Raises MappingError for mistakes that the
    reference finds without an event; what it finds only when it evaluates, the function raises.
    """
    return _guarded(_compile(mapping, SourceGenerator(clock)))


def compile_fields(mapping: object, rules: Rules, *, clock: Clock = time.time) -> CoercedFields:
    """Return ``compile_mapping`` and ``rules.fitted`` in one function, which looks at each value only once.

    It raises nothing but MappingError.
    """
    if is_plain_object(mapping):
        return _guarded(_compile(mapping, SourceGenerator(clock, rules)))
    resolve = compile_mapping(mapping, clock=clock)
    return lambda payload: fitted(rules, resolve(payload))


def _compile(mapping: object, generator: SourceGenerator) -> Callable[[object], Any]:
    try:
        root = root_of(mapping)
        validate(root)
        return generator.compile(root)
    except RecursionError:
        raise MappingError("nested too deeply; flatten the mapping") from None


def _guarded(resolve: Callable[[object], Result]) -> Callable[[object], Result]:
    """Return the function with what is no object refused, and recursion bounded."""

    def map_payload(payload: object) -> Result:
        if payload.__class__ is not dict:
            if payload is not UNDEFINED and not isinstance(payload, dict):
                raise MappingError(f"the payload must be an object, got {kind_of(payload)}")
            payload = dict(payload) if isinstance(payload, dict) else {}
        try:
            return resolve(payload)
        except RecursionError:
            raise MappingError("the payload is nested too deeply") from None

    return map_payload


def mapping_problems(mapping: object) -> list[MappingError]:
    """Return every mistake in a mapping: what ``compile_mapping`` raises, and what events would run into."""
    try:
        root = root_of(mapping)
        found = list(any_node(root, ""))
        places = {(error.field, error.directive) for error in found}
        generator = SourceGenerator(time.time)
        generator.compile(root)
    except MappingError as error:
        return [error]
    except RecursionError:
        return [MappingError("nested too deeply; flatten the mapping")]
    return found + [error for error in generator.failures if (error.field, error.directive) not in places]
