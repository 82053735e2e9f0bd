"""The dead letters: looked at, sent again, dropped."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import structlog
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from forwarder.console.forms import form_of
from forwarder.console.pages import Endpoint, Pages, number, redirect
from forwarder.http.auth import operator_name
from forwarder.spool import Spool

log = structlog.get_logger()
PAGE = 100
"""Dead letters on one page."""
_NUMBERS_LOGGED = 20


def dead_letter_routes(pages: Pages) -> list[Route]:
    """Return the routes."""

    async def dead(request: Request) -> Response:
        destination = request.query_params.get("destination") or None
        after = number(request.query_params.get("after", "0"))
        letters = await pages.shown().spool.dead(destination, after, PAGE + 1)
        more = letters[PAGE - 1].number if len(letters) > PAGE else None
        return pages.page(request, "dead", letters=letters[:PAGE], destination=destination, more=more)

    async def letter(request: Request) -> Response:
        now = pages.shown()
        found = await now.spool.dead(number=number(request.path_params["number"]))
        if not found:
            raise HTTPException(404, "there is no such dead letter any more")
        text = now.letter(found[0], now.clock()).decode()
        return pages.page(request, "letter", letter=found[0], text=text)

    def act(what: str, do: Callable[[Spool, list[int]], Awaitable[int]]) -> Endpoint:
        async def answer(request: Request) -> Response:
            numbers = [number(text) for text in (await form_of(request)).get("number", [])]
            letters = await do(pages.shown().spool, numbers)
            log.info(
                what,
                operator=operator_name(request.headers.get("authorization", "")),
                letters=letters,
                numbers=numbers[:_NUMBERS_LOGGED],
            )
            return redirect(request, "/dead")

        return answer

    return [
        pages.route("/dead", dead),
        pages.form_route(
            "/dead/retry", act("dead letters sent again", lambda spool, found: spool.retry(found))
        ),
        pages.form_route("/dead/drop", act("dead letters dropped", lambda spool, found: spool.drop(found))),
        pages.route("/dead/{number}", letter),
    ]
