"""The operator's pages: what became of the events, and the dead letters. They need no script."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

import structlog
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, RedirectResponse, Response
from starlette.routing import Route, request_response
from starlette.templating import Jinja2Templates
from starlette.types import ASGIApp

from forwarder.console.figures import figures_now
from forwarder.console.forms import form_of, is_from_here
from forwarder.console.gate import ConsoleGate, is_browser
from forwarder.console.sign_in_routes import sign_in_routes
from forwarder.console.status import status
from forwarder.delivery.health import DestinationHealth
from forwarder.http.auth import operator_name
from forwarder.http.responses import PRIVATE
from forwarder.spool import DeadLetter, Spool
from forwarder.text import in_lines

log = structlog.get_logger()
HERE = Path(__file__).parent
PAGE = 100
"""Dead letters on one page."""
HEADERS = {
    **PRIVATE,
    "content-security-policy": (
        "default-src 'none'; style-src 'self'; img-src data:; form-action 'self';"
        " frame-ancestors 'none'; base-uri 'none'"
    ),
    # Without any referrer, browsers send "Origin: null" with the console's own forms (Fetch, 3.2.5), and
    # over plain http by name nothing else that says where they come from.
    "referrer-policy": "same-origin",
}
_NUMBERS_LOGGED = 20


class Shown(NamedTuple):
    """The subject of the pages, asked for at every request: a reload may have changed it.

    ``letter``: what is known of a dead letter, as readable JSON; ``clock``: ms since the epoch;
    ``health``: how destinations do, by name.
    """

    spool: Spool
    sources: Sequence[str]
    destinations: Sequence[str]
    letter: Callable[[DeadLetter, int], bytes]
    clock: Callable[[], int]
    health: Mapping[str, DestinationHealth] = MappingProxyType({})


def console_routes(
    shown: Callable[[], Shown], guarded: Callable[[ASGIApp], ASGIApp], token: Callable[[], str]
) -> list[Route]:
    """Return the console's routes.

    ``guarded`` wraps what only the operator may see; ``token``: the operator's, empty where none is set.
    """
    templates = Jinja2Templates(HERE / "templates")
    templates.env.finalize = _shown
    templates.env.filters["moment"] = _moment
    templates.env.filters["duration"] = _duration

    def page(request: Request, name: str, status_code: int = 200, **values: object) -> Response:
        return templates.TemplateResponse(request, f"{name}.html", values, status_code, HEADERS)

    async def overview(request: Request) -> Response:
        now = shown()
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
        return page(request, "overview", status=values)

    async def dead(request: Request) -> Response:
        destination = request.query_params.get("destination") or None
        after = _number(request.query_params.get("after", "0"))
        letters = await shown().spool.dead(destination, after, PAGE + 1)
        more = letters[PAGE - 1].number if len(letters) > PAGE else None
        return page(request, "dead", letters=letters[:PAGE], destination=destination, more=more)

    async def letter(request: Request) -> Response:
        now = shown()
        found = await now.spool.dead(number=_number(request.path_params["number"]))
        if not found:
            raise HTTPException(404, "there is no such dead letter any more")
        text = now.letter(found[0], now.clock()).decode()
        return page(request, "letter", letter=found[0], text=text)

    def act(
        what: str, do: Callable[[Spool, list[int]], Awaitable[int]]
    ) -> Callable[[Request], Awaitable[Response]]:
        async def answer(request: Request) -> Response:
            if not is_from_here(request):
                raise HTTPException(403, "this has to come from the console's own pages")
            numbers = [_number(text) for text in (await form_of(request)).get("number", [])]
            letters = await do(shown().spool, numbers)
            log.info(
                what,
                operator=operator_name(request.headers.get("authorization", "")),
                letters=letters,
                numbers=numbers[:_NUMBERS_LOGGED],
            )
            return RedirectResponse("/console/dead", 303, HEADERS)

        return answer

    def clock() -> int:
        return shown().clock()

    def route(path: str, endpoint: Callable[[Request], Awaitable[Response]], method: str = "GET") -> Route:
        async def answered(request: Request) -> Response:
            try:
                return await endpoint(request)
            except HTTPException as error:
                if not is_browser(request.headers):
                    raise
                return page(request, "error", error.status_code, why=error.detail)

        app = request_response(answered)
        return Route(f"/console{path}", ConsoleGate(app, guarded(app), token, clock), methods=[method])

    async def missing(request: Request) -> Response:
        raise HTTPException(404, "there is no such page")

    return [
        *sign_in_routes(page, guarded, token, clock),
        route("", overview),
        route("/dead", dead),
        route("/dead/retry", act("dead letters sent again", lambda spool, found: spool.retry(found)), "POST"),
        route("/dead/drop", act("dead letters dropped", lambda spool, found: spool.drop(found)), "POST"),
        route("/dead/{number}", letter),
        Route("/console/style.css", _style),
        route("/{rest:path}", missing),
    ]


def _shown(value: object) -> object:
    """Return what a page says with nothing invisible in texts: they may come from senders."""
    return in_lines(value) if type(value) is str else value  # markup is the templates' own


async def _style(request: Request) -> Response:
    return FileResponse(HERE / "style.css", headers=HEADERS)


def _number(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 19):
        raise HTTPException(400, "a number is needed there")
    return int(text)


def _moment(ms: int) -> str:
    return datetime.fromtimestamp(ms / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S")


def _duration(ms: int) -> str:
    seconds = ms // 1000
    if seconds < 120:
        return f"{seconds} s"
    return f"{seconds // 60} min" if seconds < 7200 else f"{seconds // 3600} h"
