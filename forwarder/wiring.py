"""The configured destinations, compiled."""

from functools import partial

from forwarder import metrics
from forwarder.amplitude import AmplitudeDestination
from forwarder.amplitude.problems import errors_of
from forwarder.config.settings import Settings
from forwarder.errors import ConfigError


def destinations_of(settings: Settings) -> dict[str, AmplitudeDestination]:
    """Return the destinations by name. Raises ConfigError with every problem of all of them."""
    compiled: dict[str, AmplitudeDestination] = {}
    found: list[str] = []
    projects = [one.settings.apiKey.get_secret_value() for one in settings.destinations]
    for one in settings.destinations:
        mistakes = errors_of(one.settings.plain(), one.subscriptions)
        found += [f"destinations.{one.name}: {mistake}" for mistake in mistakes]
        if not found:
            compiled[one.name] = AmplitudeDestination(
                one.settings.plain(),
                one.subscriptions,
                base_url=one.base_url,
                on_warning=partial(_count, one.name),
                # Amplitude keeps the first item of an insert id only, whichever destination it came by.
                scope=one.name if projects.count(one.settings.apiKey.get_secret_value()) > 1 else "",
            )
    if found:
        raise ConfigError(found)
    return compiled


def _count(destination: str, kind: str) -> None:
    metrics.WARNINGS.add(destination, kind)
