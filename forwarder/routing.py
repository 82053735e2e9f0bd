"""Where events go: the configured destinations, compiled, with how each is delivered to."""

from forwarder.config.settings import Settings
from forwarder.delivery import DestinationRoute, SchedulerSettings
from forwarder.wiring import destinations_of


def routes(settings: Settings) -> list[DestinationRoute]:
    """Return where events go. Raises ConfigError for settings a destination cannot use."""
    compiled = destinations_of(settings)
    return [
        DestinationRoute(
            one.name,
            compiled[one.name],
            None if one.sources is None else frozenset(one.sources),
            SchedulerSettings(
                linger_ms=one.linger_ms,
                batch_events=one.batch_events,
                at_once=one.at_once,
                window=one.window_events,
                timeout_ms=round(one.timeout_seconds * 1000),
                budget_ms=round(one.retry_hours * 3_600_000),
            ),
        )
        for one in settings.destinations
    ]
