"""The destination: which subscriptions an event matches, and what each makes of it."""

import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Final, cast

from forwarder.amplitude.endpoints import endpoint_url
from forwarder.amplitude.fields import ACTIONS
from forwarder.amplitude.items import Call, Item, Planned
from forwarder.amplitude.lint import lint
from forwarder.amplitude.log_events import log_event, log_event_v2, log_purchase
from forwarder.amplitude.presets import presets
from forwarder.amplitude.requests import calls
from forwarder.amplitude.settings import read_settings
from forwarder.amplitude.users import delete_users, group_identify_user, identify_user, map_user
from forwarder.amplitude.validation import Payload, compile_payload
from forwarder.errors import ForwarderError, MappingError, TriggerError
from forwarder.javascript import values as js
from forwarder.triggers import compile_trigger

Event = Mapping[str, object]
Clock = Callable[[], int]


def system_clock() -> int:
    """Return ms since the epoch."""
    return time.time_ns() // 1_000_000


def _never(_: object) -> bool:
    return False


class Subscription:
    """One trigger and mapping, compiled.

    One that cannot be used raises nothing here, as in the reference: a bad trigger never matches, a bad
    mapping is the error of every event that matches. ``problems`` tells when the configuration is loaded.
    """

    def __init__(self, definition: Mapping[str, object], clock: Clock) -> None:
        self.action = str(definition.get("partnerAction", ""))
        self.name = str(definition.get("name") or self.action)
        self.known = self.action in ACTIONS
        self.trigger = definition.get("subscribe")
        self._clock = clock
        try:
            self.matches = compile_trigger(cast("str", definition.get("subscribe")))
        except TriggerError:
            self.matches = _never
        self._broken: MappingError | None = None
        try:
            fields = ACTIONS.get(self.action, {})
            self._payload = compile_payload(fields, definition.get("mapping") or {})
        except MappingError as error:
            self._broken = error

    def payload(self, event: Event) -> Payload:
        """Return the action's fields as the event fills them. Raises MappingError or PayloadError."""
        if self._broken:
            raise self._broken
        return self._payload(event)

    def items(self, payload: Payload, event: Event) -> list[Item]:
        """Return what the event's payload becomes."""
        message_id = event.get("messageId")
        message_id = message_id if isinstance(message_id, str) and message_id else None
        if self.action == "groupIdentifyUser":
            return group_identify_user(payload, message_id, self._clock())
        if self.action == "mapUser":
            return map_user(payload)
        return _ACTIONS[self.action](payload, message_id)


_ACTIONS: Final[dict[str, Callable[[Payload, str | None], list[Item]]]] = {
    "logEvent": log_event,
    "logEventV2": log_event_v2,
    "logPurchase": log_purchase,
    "identifyUser": identify_user,
}


class AmplitudeDestination:
    """Segment's Amplitude (Actions) destination.

    ``settings``: ``apiKey``, ``secretKey``, ``endpoint``; ``subscriptions``: in Segment's JSON shape,
    None for the presets; ``base_url`` replaces scheme and host of every address; ``clock``: ms since
    the epoch; ``on_warning`` is told the kind (``lint.Kind``) of everything doubtful that ``items`` returns.
    Raises ConfigError for unusable settings.
    """

    def __init__(
        self,
        settings: Mapping[str, object],
        subscriptions: Sequence[Mapping[str, object]] | None = None,
        *,
        base_url: str | None = None,
        clock: Clock = system_clock,
        on_warning: Callable[[str], None] | None = None,
    ) -> None:
        self.api_key, self.secret_key, self.region = read_settings(settings)
        self._on_warning = on_warning
        chosen = presets() if subscriptions is None else subscriptions
        self.subscriptions = [Subscription(each, clock) for each in chosen]
        self._active = [each for each in self.subscriptions if each.known]
        self.url = partial(endpoint_url, region=self.region, base_url=base_url)

    def plan(self, event: Event) -> list[Planned]:
        """Return what every matching subscription makes of the event, with its requests; sends nothing."""
        made = [self.plan_one(subscription, event) for subscription in self._active]
        return [planned for planned in made if planned is not None]

    def plan_one(self, subscription: Subscription, event: Event) -> Planned | None:
        """Return what one of ``subscriptions`` makes of the event; None where its trigger does not match."""
        event = _without_null_context(event)
        if not subscription.matches(event):
            return None
        planned = Planned(subscription.name, subscription.action)
        try:
            planned.payload = subscription.payload(event)
            items = subscription.items(planned.payload, event)
            planned.warnings = lint(planned.payload, items)
            planned.items = items
        except ForwarderError as error:
            planned.error = error
        single = subscription.action == "identifyUser"
        planned.calls = calls(planned.items, self.api_key, self.url, single=single)
        return planned

    def items(self, event: Event) -> tuple[list[Item], list[ForwarderError]]:
        """Return what to send for the event, in order, and why matching subscriptions send nothing."""
        event = _without_null_context(event)
        items: list[Item] = []
        errors: list[ForwarderError] = []
        for subscription in self._matching(event):
            try:
                payload = subscription.payload(event)
                made = subscription.items(payload, event)
                if self._on_warning is not None:
                    for warning in lint(payload, made):
                        self._on_warning(warning.kind)
            except ForwarderError as error:
                errors.append(error)
                continue
            items += made
        return items, errors

    def deletion(self, user_ids: Sequence[str]) -> list[Call]:
        """Return the requests that delete users; they want API key and secret key as Basic credentials.

        No event of a source leads here, whatever it holds: what pages send must not delete anybody.
        """
        return calls(delete_users(user_ids), self.api_key, self.url)

    def _matching(self, event: Event) -> list[Subscription]:
        return [each for each in self._active if each.matches(event)]


def _without_null_context(event: Event) -> Event:
    """Return the event with a null context taken as absent; the reference stumbles over it."""
    if event.get("context", js.UNDEFINED) is None:
        return {name: value for name, value in event.items() if name != "context"}
    return event
