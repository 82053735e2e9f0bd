"""Amplitude's endpoints, by region."""

from enum import StrEnum
from typing import Final


class Endpoint(StrEnum):
    """An endpoint of Amplitude; the value is its path."""

    HTTPAPI = "/2/httpapi"
    BATCH = "/batch"
    IDENTIFY = "/identify"
    GROUPIDENTIFY = "/groupidentify"
    USERMAP = "/usermap"
    DELETIONS = "/api/2/deletions/users"
    USERSEARCH = "/api/2/usersearch"
    RECENT = "/v1/events/check-recent-ingestion"


HTTPAPI, BATCH = Endpoint.HTTPAPI, Endpoint.BATCH
"""Where nearly everything goes; a member of an enumeration costs more to look up than a name."""

AMERICA: Final[dict[Endpoint, str]] = {
    **dict.fromkeys(Endpoint, "https://api2.amplitude.com"),
    Endpoint.USERMAP: "https://api.amplitude.com",
    Endpoint.DELETIONS: "https://amplitude.com",
    Endpoint.USERSEARCH: "https://amplitude.com",
    Endpoint.RECENT: "https://developer-api.amplitude.com",
}

EUROPE: Final[dict[Endpoint, str]] = {
    **dict.fromkeys(Endpoint, "https://api.eu.amplitude.com"),
    Endpoint.DELETIONS: "https://analytics.eu.amplitude.com",
    Endpoint.USERSEARCH: "https://analytics.eu.amplitude.com",
}

REGIONS: Final = ("north_america", "europe")
"""What the setting ``endpoint`` may say; without it, north_america."""


def endpoint_url(endpoint: Endpoint, region: str | None, base_url: str | None = None) -> str:
    """Return the endpoint's address; ``base_url`` replaces scheme and host (a fake Amplitude)."""
    if base_url is not None:
        return base_url.rstrip("/") + endpoint
    return (EUROPE if region == "europe" else AMERICA)[endpoint] + endpoint
