"""The destination: which subscriptions an event matches, and what each makes of it."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Final, cast

from browser_plugin.destinations import NAMES
from forwarder.amplitude.actions.fields import ACTIONS, OPTION_FIELDS
from forwarder.amplitude.actions.log_events import log_event, log_event_v2, log_purchase
from forwarder.amplitude.actions.presets import presets
from forwarder.amplitude.actions.users import delete_users, group_identify_user, identify_user, map_user
from forwarder.amplitude.both_names import with_both_names
from forwarder.amplitude.insert_ids import insert_id_base
from forwarder.amplitude.lint import lint
from forwarder.amplitude.payload.validation import Payload, compile_payload
from forwarder.amplitude.settings import read_settings
from forwarder.amplitude.subscriptions import Definition, identities, read_definition
from forwarder.amplitude.wire.endpoints import endpoint_url
from forwarder.amplitude.wire.items import Call, Item, Planned
from forwarder.amplitude.wire.requests import Keys, calls
from forwarder.amplitude.wire.writing import MOST_WRITTEN, write_all, write_within_bounds
from forwarder.errors import ForwarderError, MappingError, TriggerError
from forwarder.javascript import values as js
from forwarder.triggers import compile_trigger, event_types

Event = Mapping[str, object]
Clock = Callable[[], int]
Trigger = Callable[[Event], bool]


def system_clock() -> int:
    """Return ms since the epoch."""
    return time.time_ns() // 1_000_000


def _never(_: object) -> bool:
    return False


class Subscription:
    """A subscription: its trigger and its mapping, compiled.

    One that cannot be used raises nothing here, as in the reference: a bad trigger never matches, a bad
    mapping is the error of every event that matches. ``problems`` tells when the configuration is loaded.
    """

    def __init__(self, definition: Definition, identity: str, clock: Clock) -> None:
        self.action = str(definition.action or "")
        self.name = definition.name or self.action
        self.identity = identity
        self.runs_here = self.action in ACTIONS
        """Whether it is the forwarder's; the other action runs in the page."""
        self.off = definition.off
        """Why it is not run; empty where it is."""
        self.names_items = self.action != "mapUser" and _may_make(self.action, definition.mapping)
        """Whether it can make anything that has an insert id."""
        self.trigger = definition.trigger
        self._make = _maker(self.action, clock)
        self.types: frozenset[str] | None = frozenset()
        """The types an event may have to match; None: any."""
        try:
            self.matches: Trigger = compile_trigger(cast("str", self.trigger))
            self.types = event_types(cast("str", self.trigger))
        except TriggerError:
            self.matches = _never
        self.payload = _payload_maker(self.action, definition.mapping or {})
        """Returns the action's fields as the event fills them. Raises MappingError or PayloadError."""

    def matches_type(self, kind: str) -> Trigger | None:
        """Return ``matches`` as it is of events of this type alone, None where none of them can match."""
        if self.types is None:
            return self.matches
        return compile_trigger(cast("str", self.trigger), kind) if kind in self.types else None

    def items(self, payload: Payload, event: Event, *, alone: bool) -> list[Item]:
        """Return what the event's payload becomes; ``alone``: no other subscription's items are named."""
        return self._make(payload, insert_id_base(event.get("messageId"), "" if alone else self.identity))


def _payload_maker(action: str, mapping: object) -> Callable[[object], Payload]:
    try:
        return compile_payload(ACTIONS.get(action, {}), mapping, OPTION_FIELDS.get(action, frozenset()))
    except MappingError as error:
        broken = error

        def refuse(_: object) -> Payload:
            raise broken

        return refuse


def _may_make(action: str, mapping: object) -> bool:
    """Return whether a mapping can make anything: not where a required field is mapped from nothing."""
    if not isinstance(mapping, Mapping) or any(name.startswith("@") for name in mapping):
        return True
    fields = ACTIONS.get(action, {})
    return all(mapping.get(name) not in (None, "") for name, field in fields.items() if field.required)


def _maker(action: str, clock: Clock) -> Callable[[Payload, str | None], list[Item]]:
    """Return the function from an action's payload and the message id to items."""
    if action == "groupIdentifyUser":
        return lambda payload, message_id: group_identify_user(payload, message_id, clock())
    if action == "mapUser":
        return lambda payload, _: map_user(payload)
    return _ACTIONS.get(action, lambda payload, _: [])


_ACTIONS: Final[dict[str, Callable[[Payload, str | None], list[Item]]]] = {
    "logEvent": log_event,
    "logEventV2": log_event_v2,
    "logPurchase": log_purchase,
    "identifyUser": identify_user,
}


_LINTED: Final = 10
"""Items of a subscription that delivery looks at for warnings: a hundred products share nearly everything."""


class AmplitudeDestination:
    """Segment's Amplitude (Actions) destination.

    ``settings``: ``apiKey``, ``secretKey``, ``endpoint``; ``subscriptions``: in Segment's JSON shape,
    None for the presets; ``base_url`` replaces scheme and host of every address; ``clock``: ms since
    the epoch; ``on_warning`` is told the kind (``lint.Kind``) of everything doubtful that ``items`` returns;
    ``scope``: the destination's own name where another one sends to the same project, so that no insert id
    of one is one of the other. Raises ConfigError for unusable settings.
    """

    def __init__(
        self,
        settings: Mapping[str, object],
        subscriptions: Sequence[Mapping[str, object]] | None = None,
        *,
        base_url: str | None = None,
        clock: Clock = system_clock,
        on_warning: Callable[[str], None] | None = None,
        scope: str = "",
    ) -> None:
        self.api_key, self.secret_key, self.region = read_settings(settings)
        self.keys = Keys(self.api_key, self.secret_key)
        self._on_warning = on_warning
        chosen = presets() if subscriptions is None else subscriptions
        definitions = [read_definition(each) for each in chosen]
        named = zip(definitions, identities(definitions, scope), strict=True)
        self.subscriptions = [Subscription(each, identity, clock) for each, identity in named]
        self._shared = bool(scope)
        self._says_both = any(NAMES[1] in str(each.mapping) for each in definitions)
        self._active = [each for each in self.subscriptions if each.runs_here and not each.off]
        types = frozenset[str]().union(*(each.types or () for each in self._active))
        self._of_type = {
            kind: [(each, matches) for each in self._active if (matches := each.matches_type(kind))]
            for kind in types
        }
        self._of_any = [(each, each.matches) for each in self._active if each.types is None]
        self.url = partial(endpoint_url, region=self.region, base_url=base_url)

    def plan(self, event: Event) -> list[Planned]:
        """Return what every matching subscription makes of the event, with its requests; sends nothing."""
        return [planned for _, planned in self.plans(event)]

    def plans(self, event: Event, *, requests: bool = True) -> list[tuple[Subscription, Planned]]:
        """Return what ``plan`` does, each with its subscription.

        ``requests``: whether they are wanted; making them takes as long as all else.
        """
        plans = list(self._plans(event))
        for _, planned in plans if requests else ():
            planned.calls = calls(planned.items, self.keys, self.url)
        return plans

    def items(self, event: Event) -> tuple[list[Item], list[ForwarderError]]:
        """Return what to send for the event, written and in order, and why subscriptions send nothing."""
        event = self._readable(event)
        matching = self._matching(event)
        alone = self._is_alone(matching)
        room = MOST_WRITTEN
        items: list[Item] = []
        errors: list[ForwarderError] = []
        for subscription in matching:
            try:
                payload = subscription.payload(event)
                made = subscription.items(payload, event, alone=alone)
                room = write_within_bounds(made, room, errors)
                if self._on_warning is not None:
                    for warning in lint(payload, made[:_LINTED]):
                        self._on_warning(warning.kind)
                items += made
            except ForwarderError as error:
                errors.append(error)
        return items, errors

    def _plans(self, event: Event) -> Iterator[tuple[Subscription, Planned]]:
        """Yield what each matching subscription makes, all of it looked at for warnings."""
        event = self._readable(event)
        matching = self._matching(event)
        alone = self._is_alone(matching)
        room = MOST_WRITTEN
        for subscription in matching:
            planned = Planned(subscription.name, subscription.action)
            try:
                payload = subscription.payload(event)
                planned.payload = payload.sent | payload.options
                items = subscription.items(payload, event, alone=alone)
                room = write_within_bounds(items, room, planned.errors)
                planned.warnings = lint(payload, items)
                planned.items = items
            except ForwarderError as error:
                planned.errors.append(error)
            yield subscription, planned

    @property
    def is_on(self) -> bool:
        """Whether a subscription is switched on: else nothing is made of any event."""
        return bool(self._active)

    def deletion(self, user_ids: Sequence[str]) -> list[Call]:
        """Return the requests that delete users; they want API key and secret key as Basic credentials.

        No event of a source leads here, whatever it holds: what pages send must not delete anybody.
        """
        items = delete_users(user_ids)
        write_all(items)
        return calls(items, self.keys, self.url)

    def _matching(self, event: Event) -> list[Subscription]:
        kind = event.get("type")
        may_match = self._of_type.get(kind, self._of_any) if isinstance(kind, str) else self._of_any
        return [each for each, matches in may_match if matches(event)]

    def _is_alone(self, matching: Sequence[Subscription]) -> bool:
        """Return whether at most one of the subscriptions makes items that are named after the message."""
        if self._shared:
            return False
        return len(matching) < 2 or sum(each.names_items for each in matching) < 2

    def _readable(self, event: Event) -> Event:
        """Return the event as mappings read it: its options for us under both of the destination's names.

        A null context counts as absent; the reference stumbles over it.
        """
        if event.get("context", js.UNDEFINED) is None:
            event = {name: value for name, value in event.items() if name != "context"}
        integrations = event.get("integrations")
        if isinstance(integrations, dict) and (self._says_both or NAMES[1] in integrations):
            return {**event, "integrations": with_both_names(integrations)}
        return event
