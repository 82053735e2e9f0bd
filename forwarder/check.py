"""``forwarder check``: what the destinations, and Amplitude, say about a configuration."""

import httpx

from forwarder.amplitude.problems import doubts
from forwarder.destinations import destinations_of
from forwarder.errors import ConfigError
from forwarder.settings import Destination, Settings

_DASHBOARD = {
    "north_america": "https://amplitude.com",
    "europe": "https://analytics.eu.amplitude.com",
}
_SECONDS = 15.0


def problems_of(settings: Settings, *, online: bool = False) -> list[str]:
    """Return one line for everything that is wrong; ``online``: also try the keys at Amplitude."""
    problems: list[str] = []
    try:
        destinations_of(settings)
    except ConfigError as error:
        problems += error.problems
    if online:
        with httpx.Client(timeout=_SECONDS) as client:
            for destination in settings.destinations:
                problem = _refused_keys(destination, client)
                if problem:
                    problems.append(f"destinations.{destination.name}.settings: {problem}")
    return problems


def doubts_of(settings: Settings) -> list[str]:
    """Return one line for everything that works, but probably not as it is meant."""
    return [
        f"destinations.{one.name}: {doubt}"
        for one in settings.destinations
        for doubt in doubts(one.subscriptions)
    ]


def _refused_keys(destination: Destination, client: httpx.Client) -> str | None:
    """Ask Amplitude's user search, which changes nothing, whether it takes the keys."""
    keys = destination.settings
    if not keys.secretKey.get_secret_value():
        return (
            "there is no secretKey to try online; Amplitude answers for an API key alone only with an event"
        )
    base = (destination.base_url or _DASHBOARD[keys.endpoint]).rstrip("/")
    try:
        answer = client.get(
            f"{base}/api/2/usersearch",
            params={"user": "forwarder-check"},
            auth=(keys.apiKey.get_secret_value(), keys.secretKey.get_secret_value()),
        )
    except httpx.HTTPError as error:
        return f"cannot reach {base}: {error or type(error).__name__}; check network and endpoint"
    if answer.status_code in (401, 403):
        return f"Amplitude refuses the keys ({answer.status_code}); check apiKey, secretKey and endpoint"
    if answer.status_code >= 400 and answer.status_code != 429:
        return f"Amplitude answers {answer.status_code}; try again, then check the endpoint"
    return None
