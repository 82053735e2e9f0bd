"""The Settings page: what runs, how full spool and history are, sources with snippets, configuration."""

from __future__ import annotations

from typing import Any, NamedTuple

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from forwarder.config.settings import Settings
from forwarder.console.figures import figures_now, running_ms
from forwarder.console.pages import Pages
from forwarder.console.settings_shown import share, size, snippet, tables
from forwarder.console.status import status
from forwarder.history.fullness import Fullness, fullness
from forwarder.prefixes import prefix_of
from forwarder.spool import Counts
from forwarder.version import running


class Meter(NamedTuple):
    """The fill level of something: ``percent`` of its bound, which ``said`` names."""

    name: str
    percent: int
    said: str


def settings_routes(pages: Pages) -> list[Route]:
    """Return the routes."""

    async def shown(request: Request) -> Response:
        now = pages.shown()
        counts, kept = await now.spool.counts(), await now.spool.look(fullness)
        meters = _meters(counts, kept, now.settings)
        state = status(figures_now(), counts, now.sources, now.destinations, now.clock(), health=now.health)
        address = now.settings.server.public_url or str(request.base_url).rstrip("/") + prefix_of(
            request.scope
        )
        snippets = {one.name: snippet(one.write_key, address) for one in now.settings.sources}
        values: dict[str, Any] = {"meters": meters, "kept": kept, "state": state, "snippets": snippets}
        about: dict[str, Any] = {"version": running(), "running_ms": running_ms(), "now": now.clock()}
        configured: dict[str, Any] = {"tables": tables(now.settings), "settings": now.settings}
        return pages.page(request, "settings", **values, **about, **configured)

    return [pages.route("/settings", shown)]


def _meters(counts: Counts, kept: Fullness, settings: Settings) -> list[Meter]:
    """Return how full spool and history are."""
    events, size_bytes, history = settings.spool.max_events, settings.spool.max_bytes, settings.history.bytes
    return [
        Meter("Events that wait", share(counts.events, events), f"{counts.events:,} of {events:,}"),
        Meter("Their bytes", share(counts.bytes, size_bytes), f"{size(counts.bytes)} of {size(size_bytes)}"),
        Meter("History", share(kept.bytes, history), f"{size(kept.bytes)} of {size(history)}"),
    ]
