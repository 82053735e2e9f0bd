"""The dead letters: by reason, listed, and one by one."""

from __future__ import annotations

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from forwarder.console.pages import Pages, number
from forwarder.history.dead_groups import MOST, groups, letters_in, named

PAGE = 100
"""Dead letters on one page."""


def dead_letter_routes(pages: Pages) -> list[Route]:
    """Return the routes."""

    async def by_reason(request: Request) -> Response:
        spool = pages.shown().spool
        found = await spool.look(groups)
        only = request.query_params.get("destination", "")
        shown = [one for one in found if only in ("", one.destination)]
        dropped = request.query_params.get("dropped", "")
        return pages.page(
            request,
            "dead",
            groups=shown,
            destination=only,
            is_cut=sum(one.letters for one in found) >= MOST,
            most=MOST,
            dropped=number(dropped) if dropped else None,
        )

    async def letters(request: Request) -> Response:
        asked = request.query_params
        destination, reason = asked.get("destination", ""), asked.get("reason", "")
        after = number(asked.get("after", "0"))
        spool = pages.shown().spool
        if destination and reason:
            found = await spool.look(
                lambda database: letters_in(database, destination, reason, after, PAGE + 1)
            )
        else:
            found = await spool.dead(destination or None, after, PAGE + 1)
        more = found[PAGE - 1].number if len(found) > PAGE else None
        shown = [named(one) for one in found[:PAGE]]
        return pages.page(
            request, "dead_letters", letters=shown, destination=destination, reason=reason, more=more
        )

    async def letter(request: Request) -> Response:
        now = pages.shown()
        found = await now.spool.dead(number=number(request.path_params["number"]))
        if not found:
            raise HTTPException(404, "there is no such dead letter any more")
        text = now.letter(found[0], now.clock()).decode()
        return pages.page(request, "letter", one=named(found[0]), text=text)

    return [
        pages.route("/dead", by_reason),
        pages.route("/dead/letters", letters),
        pages.route("/dead/{number}", letter),
    ]
