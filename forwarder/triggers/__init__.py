"""Segment's trigger language (FQL), compiled once into predicates.

Reads as loosely as Segment's reference does, with three differences: parentheses nest as anyone would read
them, text the reference cannot use is an error with its position when it is compiled, and where the reference
would crash on an event, the trigger does not match.
"""

from collections.abc import Callable, Mapping
from typing import Any

from forwarder.triggers.advice import advise
from forwarder.triggers.parser import parse
from forwarder.triggers.predicates import Unanswerable, can_crash, of_type, predicate, types_of
from forwarder.triggers.tokens import tokenize
from forwarder.triggers.trace import trace_trigger

__all__ = ["compile_trigger", "event_types", "trace_trigger", "trigger_warnings"]


def compile_trigger(text: str, kind: str | None = None) -> Callable[[Mapping[str, Any]], bool]:
    """Return the function that says whether an event matches the trigger; it never raises.

    ``kind``: it will be asked of events of this type only. Raises TriggerError, with position and advice, if
    the text cannot be used.
    """
    group = parse(text)
    if not can_crash(group):
        left = group if kind is None else of_type(group, kind)
        return predicate(left) if left is not None else _always
    matches = predicate(group)

    def guarded(event: Mapping[str, Any]) -> bool:
        try:
            return matches(event)
        except Unanswerable:
            return False

    return guarded


def _always(_: Mapping[str, Any]) -> bool:
    return True


def event_types(text: str) -> frozenset[str] | None:
    """Return the types an event may have to match the trigger; None: any.

    Raises TriggerError if the text cannot be used.
    """
    return types_of(parse(text))


def trigger_warnings(text: str) -> list[str]:
    """Return one line for each place where a usable trigger probably does not do what is meant.

    Raises TriggerError if the text cannot be used.
    """
    parse(text)
    return list(advise(tokenize(text)))
