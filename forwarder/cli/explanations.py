"""``forwarder plan --explain``: for people, what every subscription makes of an event, and why."""

from collections.abc import Iterator, Mapping

from forwarder.amplitude import AmplitudeDestination, Call, Planned
from forwarder.amplitude.destination import Subscription
from forwarder.cli.plans import Skips, no_skips, without_key
from forwarder.cli.trial import Rejected
from forwarder.errors import TriggerError
from forwarder.javascript.json import parse, stringify
from forwarder.sessions.stamp import shown_reason
from forwarder.triggers import trace_trigger

_WIDTH = 22
"""Characters a field's name takes."""


def explained(
    event: Mapping[str, object], destinations: Mapping[str, AmplitudeDestination], skips: Skips = no_skips
) -> Iterator[str]:
    """Yield the lines about one event: a part for each destination and subscription."""
    yield _title(event)
    if reason := shown_reason(event):
        yield f"  session: {reason}"
    for name, destination in destinations.items():
        yield f"  {name}"
        if skipped := skips(name):
            yield f"    filtered: {skipped}; nothing is sent"
            continue
        plans = dict(destination.plans(event))
        for subscription in destination.subscriptions:
            for line in _subscription(subscription, plans.get(subscription), event):
                yield f"    {line}"
    yield ""


def rejected_explained(event: object, rejected: Rejected) -> Iterator[str]:
    """Yield the lines about an event that would be rejected."""
    yield _title(event if isinstance(event, Mapping) else {})
    yield f"  rejected ({rejected.code}): {rejected.message}"
    yield ""


def _title(event: Mapping[str, object]) -> str:
    named = event.get("event") or event.get("name")
    title = " ".join(_json(part) for part in (event.get("type"), named, event.get("messageId")) if part)
    return title or "(an event without type)"


def _subscription(
    subscription: Subscription, planned: Planned | None, event: Mapping[str, object]
) -> Iterator[str]:
    title = f"{subscription.name} ({subscription.action})"
    if not subscription.known:
        yield f"{title}: not for the forwarder"
        return
    if subscription.off:
        yield f"{title}: is not run: {subscription.off}"
        return
    yield f"{title}: {'matches' if planned else 'does not match'}"
    yield from (f"  {line}" for line in _trigger(subscription.trigger, event))
    if planned:
        yield from (f"  {line}" for line in _planned(planned))


def _trigger(trigger: object, event: Mapping[str, object]) -> Iterator[str]:
    try:
        answers = trace_trigger(trigger, event)  # type: ignore[arg-type]
    except TriggerError as error:
        yield f"trigger: {error}"
        return
    for answer in answers:
        actual = f"   it is {answer.actual}" if answer.actual and not answer.holds else ""
        yield f"{'  ' * answer.depth}{'yes' if answer.holds else 'no ':3} {answer.text}{actual}"


def _planned(planned: Planned) -> Iterator[str]:
    if planned.payload:
        yield "fields"
        for name, value in planned.payload.items():
            yield f"  {name:{_WIDTH}} {_json(value)}"
    for warning in planned.warnings:
        yield f"warning: {warning.field} {warning.message}"
    if planned.error:
        yield f"{'not all is sent' if planned.items else 'nothing is sent'}: {planned.error}"
    for call in planned.calls:
        yield f"{call.method} {call.url}"
        yield from (f"  {line}" for line in _body(call))


def _body(call: Call) -> Iterator[str]:
    """Yield the request's body, forms as the JSON they carry; the API key is not shown."""
    body: dict[str, object] = dict(call.json or {})
    for name, text in (call.form or {}).items():
        body[name] = text if name == "api_key" else parse(text)
    yield from stringify(without_key(body), "  ").split("\n")


def _json(value: object) -> str:
    try:
        return stringify(value)
    except RecursionError:
        return "(nested too deeply to show)"
