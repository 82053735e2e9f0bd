"""``forwarder check``: what a usable configuration leaves open, what Amplitude says of its keys, and NATS."""

import asyncio
import os
from pathlib import Path

import httpx

from forwarder.amplitude.endpoints import Endpoint, endpoint_url
from forwarder.amplitude.problems import doubts
from forwarder.errors import SpoolError
from forwarder.opening import try_configured
from forwarder.settings import Destination, Settings
from forwarder.spool.place import is_place

_SECONDS = 15.0


def refused_keys(settings: Settings) -> list[str]:
    """Try the keys of every destination at Amplitude; return one line for each that does not work."""
    with httpx.Client(timeout=_SECONDS) as client:
        return [
            f"destinations.{destination.name}.settings: {problem}"
            for destination in settings.destinations
            if (problem := _refused(destination, client))
        ]


def refused_stream(settings: Settings) -> list[str]:
    """Try the stream that the spool is in, if it is in one; return what is wrong with it."""
    try:
        asyncio.run(try_configured(settings.spool))
    except SpoolError as error:
        return [f"spool.path: {error}"]
    return []


def doubts_of(settings: Settings) -> list[str]:
    """Return one line for everything that works, but probably not as it is meant."""
    found = [
        f"destinations.{one.name}: {doubt}"
        for one in settings.destinations
        for doubt in doubts(one.subscriptions)
    ]
    wanted = [one.sources for one in settings.destinations]
    if not wanted:
        found.append("destinations: there is none: events are kept in the spool until there is one")
    found += [
        f"sources.{source.name}: no destination takes its events"
        for source in settings.sources
        if wanted and not any(names is None or source.name in names for names in wanted)
    ]
    if not (settings.server.assets / "page" / "session-plugin.js").is_file():
        assets = settings.server.assets
        found.append(f"server.assets: {assets} has no page/session-plugin.js: pages get 404; build it")
    in_stream = is_place(settings.spool.path)
    name, file = ("copy_path", settings.spool.copy_path) if in_stream else ("path", settings.spool.path)
    folder = Path(file).parent
    if not os.access(folder, os.W_OK | os.X_OK):
        found.append(f"spool.{name}: the folder {folder} is not there, or not writable for this user")
    return found


def _refused(destination: Destination, client: httpx.Client) -> str | None:
    """Ask Amplitude's user search, which changes nothing, whether it takes the keys."""
    keys = destination.settings
    if not keys.secretKey.get_secret_value():
        return (
            "there is no secretKey to try online; Amplitude answers for an API key alone only with an event"
        )
    address = endpoint_url(Endpoint.USERSEARCH, keys.endpoint, destination.base_url)
    try:
        answer = client.get(
            address,
            params={"user": "forwarder-check"},
            auth=(keys.apiKey.get_secret_value(), keys.secretKey.get_secret_value()),
        )
    except httpx.HTTPError as error:
        return f"cannot reach {address}: {error or type(error).__name__}; check network and endpoint"
    if answer.status_code in (401, 403):
        return f"Amplitude refuses the keys ({answer.status_code}); check apiKey, secretKey and endpoint"
    if answer.status_code >= 400 and answer.status_code != 429:
        return f"Amplitude answers {answer.status_code}; try again, then check the endpoint"
    return None
