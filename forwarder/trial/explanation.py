"""What every subscription makes of an event, and why, as values: for the command line and the console."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from forwarder.amplitude import AmplitudeDestination, Call, Planned
from forwarder.amplitude.destination import Subscription
from forwarder.amplitude.wire.requests import MASK
from forwarder.config.settings import Settings
from forwarder.delivery.scheduler.planning import why_skipped
from forwarder.errors import TriggerError
from forwarder.javascript.json import parse, stringify
from forwarder.triggers import trace_trigger
from forwarder.triggers.trace import ConditionResult

Skips = Callable[[str], str]
"""Tells by a destination's name why it gets nothing of an event, whatever its mappings say; empty: it may."""


def no_skips(destination: str) -> str:
    """Skip no destination."""
    return ""


def skips_of(settings: Settings, source: str, integrations: object) -> Skips:
    """Return which destinations get nothing of an event: its source goes elsewhere, or it says so itself.

    ``source``: the name of its source; ``integrations``: as the event has them.
    """
    routed = {one.name: one.sources for one in settings.destinations}

    def skips(destination: str) -> str:
        sources = routed[destination]
        return why_skipped(source, integrations, None if sources is None else frozenset(sources))

    return skips


class State(StrEnum):
    """The state of a subscription for an event, at first glance."""

    MATCHES = "matches"
    NO_MATCH = "does not match"
    OFF = "is not run"
    NOT_OURS = "not for the forwarder"
    """Its action runs in the page, not here."""


@dataclass(frozen=True, slots=True)
class SubscriptionExplained:
    """The explanation for one subscription.

    ``off``: why it is not run; ``conditions``: its trigger's, each with its answer; ``trigger_error``: why
    the trigger cannot be used; ``planned``: what is made of the event, where it matches.
    """

    name: str
    action: str
    state: State
    off: str = ""
    conditions: tuple[ConditionResult, ...] = ()
    trigger_error: str = ""
    planned: Planned | None = None


@dataclass(frozen=True, slots=True)
class DestinationExplained:
    """The explanation for one destination. ``skipped``: why it gets nothing, whatever subscriptions say."""

    name: str
    skipped: str = ""
    subscriptions: tuple[SubscriptionExplained, ...] = ()


def explain(
    event: Mapping[str, object], destinations: Mapping[str, AmplitudeDestination], skips: Skips = no_skips
) -> list[DestinationExplained]:
    """Return what each destination makes of an event."""
    return [_destination(name, one, event, skips(name)) for name, one in destinations.items()]


def _destination(
    name: str, destination: AmplitudeDestination, event: Mapping[str, object], skipped: str
) -> DestinationExplained:
    if skipped:
        return DestinationExplained(name, skipped)
    plans = dict(destination.plans(event))
    found = [_subscription(one, plans.get(one), event) for one in destination.subscriptions]
    return DestinationExplained(name, "", tuple(found))


def _subscription(
    one: Subscription, planned: Planned | None, event: Mapping[str, object]
) -> SubscriptionExplained:
    if not one.runs_here:
        return SubscriptionExplained(one.name, one.action, State.NOT_OURS)
    if one.off:
        return SubscriptionExplained(one.name, one.action, State.OFF, one.off)
    state = State.MATCHES if planned else State.NO_MATCH
    conditions: tuple[ConditionResult, ...] = ()
    error = ""
    try:
        conditions = tuple(trace_trigger(one.trigger, event))  # type: ignore[arg-type]
    except TriggerError as problem:
        error = str(problem)
    return SubscriptionExplained(one.name, one.action, state, "", conditions, error, planned)


def without_key(body: Mapping[str, object]) -> dict[str, object]:
    """Return a request's fields with the API key hidden."""
    return {name: MASK if name == "api_key" else value for name, value in body.items()}


def body_of(call: Call) -> str:
    """Return a request's body as readable JSON, forms as the JSON they carry, with the API key hidden."""
    body: dict[str, object] = dict(call.json or {})
    for name, text in (call.form or {}).items():
        body[name] = text if name == "api_key" else parse(text)
    return stringify(without_key(body), "  ")


def shown_value(value: object) -> str:
    """Return a value as JSON on one line."""
    try:
        return stringify(value)
    except RecursionError:
        return "(nested too deeply to show)"
