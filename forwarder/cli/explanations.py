"""``forwarder plan --explain``: for people, what every subscription makes of an event, and why."""

from collections.abc import Iterator, Mapping

from forwarder.amplitude import AmplitudeDestination, Planned
from forwarder.sessions.stamp import shown_reason
from forwarder.trial.accepting import Rejected
from forwarder.trial.explanation import (
    Skips,
    State,
    SubscriptionExplained,
    body_of,
    explain,
    no_skips,
    shown_value,
)
from forwarder.triggers.trace import ConditionResult

_WIDTH = 22
"""Characters a field's name takes."""


def explained(
    event: Mapping[str, object], destinations: Mapping[str, AmplitudeDestination], skips: Skips = no_skips
) -> Iterator[str]:
    """Yield the lines about one event: a part for each destination and subscription."""
    yield _title(event)
    if reason := shown_reason(event):
        yield f"  session: {reason}"
    for destination in explain(event, destinations, skips):
        yield f"  {destination.name}"
        if destination.skipped:
            yield f"    filtered: {destination.skipped}; nothing is sent"
        for subscription in destination.subscriptions:
            yield from (f"    {line}" for line in _subscription(subscription))
    yield ""


def rejected_explained(event: object, rejected: Rejected) -> Iterator[str]:
    """Yield the lines about an event that would be rejected."""
    yield _title(event if isinstance(event, Mapping) else {})
    yield f"  rejected ({rejected.code}): {rejected.message}"
    yield ""


def _title(event: Mapping[str, object]) -> str:
    named = event.get("event") or event.get("name")
    parts = (event.get("type"), named, event.get("messageId"))
    title = " ".join(shown_value(part) for part in parts if part)
    return title or "(an event without type)"


def _subscription(one: SubscriptionExplained) -> Iterator[str]:
    why = f": {one.off}" if one.state is State.OFF else ""
    yield f"{one.name} ({one.action}): {one.state}{why}"
    if one.trigger_error:
        yield f"  trigger: {one.trigger_error}"
    yield from (f"  {_condition(answer)}" for answer in one.conditions)
    if one.planned:
        yield from (f"  {line}" for line in _planned(one.planned))


def _condition(answer: ConditionResult) -> str:
    actual = f"   it is {answer.actual}" if answer.actual and not answer.holds else ""
    return f"{'  ' * answer.depth}{'yes' if answer.holds else 'no ':3} {answer.text}{actual}"


def _planned(planned: Planned) -> Iterator[str]:
    if planned.payload:
        yield "fields"
        for name, value in planned.payload.items():
            yield f"  {name:{_WIDTH}} {shown_value(value)}"
    for warning in planned.warnings:
        yield f"warning: {warning.field} {warning.message}"
    if planned.error:
        yield f"{'not all is sent' if planned.items else 'nothing is sent'}: {planned.error}"
    for call in planned.calls:
        yield f"{call.method} {call.url}"
        yield from (f"  {line}" for line in body_of(call).split("\n"))
