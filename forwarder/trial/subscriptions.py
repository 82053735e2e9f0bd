"""A destination's subscriptions as configured: the presets where there are none, and one of them edited."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from forwarder.amplitude import AmplitudeDestination
from forwarder.amplitude.actions.presets import presets
from forwarder.config.settings import Destination, Settings
from forwarder.wiring import destinations_of


def subscriptions_of(destination: Destination) -> Sequence[dict[str, object]]:
    """Return the destination's subscriptions, in Segment's JSON shape."""
    return presets() if destination.subscriptions is None else destination.subscriptions


def sources_of(destination: Destination) -> frozenset[str] | None:
    """Return the names of the sources whose events go there, None for all."""
    return None if destination.sources is None else frozenset(destination.sources)


def with_edited(
    settings: Settings, name: str, place: int, subscription: Mapping[str, object]
) -> AmplitudeDestination:
    """Return a destination with one of its subscriptions exchanged. Raises ConfigError."""
    changed = tuple(
        _edited(one, place, subscription) if one.name == name else one for one in settings.destinations
    )
    return destinations_of(settings.model_copy(update={"destinations": changed}))[name]


def _edited(one: Destination, place: int, subscription: Mapping[str, object]) -> Destination:
    there = list(subscriptions_of(one))
    there[place] = dict(subscription)
    return one.model_copy(update={"subscriptions": tuple(there)})
