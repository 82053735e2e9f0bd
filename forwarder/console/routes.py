"""The console's routes: each page's own, signing in, the stylesheet."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from forwarder.console.dead_acts import dead_act_routes
from forwarder.console.dead_letters import dead_letter_routes
from forwarder.console.destinations import destination_routes
from forwarder.console.events import event_routes
from forwarder.console.live import live_routes
from forwarder.console.mappings import mapping_routes
from forwarder.console.pages import HEADERS, ROOT, Pages
from forwarder.console.settings import settings_routes
from forwarder.console.sign_in_routes import sign_in_routes
from forwarder.console.subject import Shown
from forwarder.console.tester import tester_routes

_PAGES: Final = (
    live_routes,
    event_routes,
    tester_routes,
    mapping_routes,
    destination_routes,
    dead_letter_routes,
    dead_act_routes,
    settings_routes,
)
_HERE: Final = Path(__file__).parent
_FILES: Final = ("style.css", "console.js")


def console_routes(
    shown: Callable[[], Shown], guarded: Callable[[ASGIApp], ASGIApp], token: Callable[[], str]
) -> list[Route]:
    """Return the console's routes.

    ``guarded`` wraps what only the operator may see; ``token``: the operator's, empty where none is set.
    """
    pages = Pages(shown, guarded, token)
    return [
        *sign_in_routes(pages),
        *(route for routes in _PAGES for route in routes(pages)),
        *(Route(f"{ROOT}/{name}", _file) for name in _FILES),
        pages.route("/{rest:path}", _missing),
    ]


async def _file(request: Request) -> Response:
    return FileResponse(_HERE / request.url.path.rpartition("/")[2], headers=HEADERS)


async def _missing(request: Request) -> Response:
    raise HTTPException(404, "there is no such page")
