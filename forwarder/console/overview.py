"""The overview: what wants attention, and what became of all events, as counts."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from forwarder.console.figures import figures_now
from forwarder.console.pages import Pages
from forwarder.console.status import status


def overview_routes(pages: Pages) -> list[Route]:
    """Return the routes."""

    async def overview(request: Request) -> Response:
        now = pages.shown()
        counts = await now.spool.counts()
        why = now.spool.unavailable()
        values = status(
            figures_now(),
            counts,
            now.sources,
            now.destinations,
            now.clock(),
            unavailable=str(why) if why else "",
            health=now.health,
        )
        return pages.page(request, "overview", status=values)

    return [pages.route("/overview", overview)]
