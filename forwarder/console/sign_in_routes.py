"""Signing in to the console and out of it: the operator's token, once, on a page of our own."""

import re
from collections.abc import Callable
from typing import Final, Protocol

import orjson
import structlog
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route, request_response
from starlette.types import ASGIApp

from forwarder.addresses import network_of
from forwarder.console.forms import form_of, is_from_here
from forwarder.console.gate import SIGN_IN
from forwarder.console.sign_in import COOKIE, LINK_MS, SIGNED_IN_MS, UsedLinks, cookie, is_cookie, link
from forwarder.http.auth import WRONG_TOKENS, is_token
from forwarder.http.client_address import address_of
from forwarder.http.metrics import count_operator_refusal
from forwarder.http.responses import PRIVATE

log = structlog.get_logger()
_NEXT: Final = re.compile(r"/console(?:[/?][\w/?=&.%+-]*)?")
"""Where somebody may be sent who has signed in: the console's own pages."""


class Page(Protocol):
    """Makes a page of the console from a template."""

    def __call__(self, request: Request, name: str, status_code: int = 200, **values: object) -> Response:
        """Return it; ``values``: what the template shows."""


def sign_in_routes(
    page: Page,
    guarded: Callable[[ASGIApp], ASGIApp],
    token: Callable[[], str],
    clock: Callable[[], int],
) -> list[Route]:
    """Return the routes; everybody may ask but for new links. ``clock``: ms since the epoch."""
    used = UsedLinks()

    def signed_in(request: Request, answer: Response) -> Response:
        answer.set_cookie(
            COOKIE,
            cookie(token(), clock()),
            max_age=SIGNED_IN_MS // 1000,
            path="/console",
            # A browser that came by plain http would not send a secure one back.
            secure=request.headers.get("x-forwarded-proto", request.url.scheme) == "https",
            httponly=True,
            samesite="strict",
        )
        log.info("somebody signed in to the console")
        return answer

    async def refused(request: Request) -> None:
        count_operator_refusal("wrong_token")
        await WRONG_TOKENS.refused(network_of(address_of(request.scope)))

    def ask(request: Request, status_code: int = 200, to: str = "", why: str = "") -> Response:
        return page(request, "sign_in", status_code, is_open=bool(token()), to=_next(to), why=why)

    async def show(request: Request) -> Response:
        once = request.query_params.get("once")
        if once is None:
            return ask(request, to=request.query_params.get("next", ""))
        if used.takes(token(), once, clock()):
            # A page and not a redirect: after one that began elsewhere, browsers send no strict cookie.
            return signed_in(request, page(request, "signed_in"))
        if is_cookie(token(), request.cookies.get(COOKIE, ""), clock()):
            return RedirectResponse("/console", 303, PRIVATE)
        await refused(request)
        return ask(
            request, 401, why="This link was used, or is too old: have a new one made, or sign in here."
        )

    async def check(request: Request) -> Response:
        if not is_from_here(request):
            raise HTTPException(403, "this has to come from the console's own pages")
        form = await form_of(request)
        to = form.get("next", [""])[0]
        if not is_token(form.get("token", [""])[0].encode("utf-8", "replace"), token().encode()):
            await refused(request)
            return ask(request, 401, to, "That is not the operator's token.")
        return signed_in(request, RedirectResponse(_next(to), 303, PRIVATE))

    async def make_link(request: Request) -> Response:
        made = {"link": link(token(), clock()), "seconds": LINK_MS // 1000}
        return Response(orjson.dumps(made), 201, PRIVATE, media_type="application/json")

    async def leave(request: Request) -> Response:
        if not is_from_here(request):
            raise HTTPException(403, "this has to come from the console's own pages")
        answer = RedirectResponse(SIGN_IN, 303, PRIVATE)
        answer.delete_cookie(COOKIE, path="/console", httponly=True, samesite="strict")
        return answer

    return [
        Route(SIGN_IN, show, methods=["GET"]),
        Route(SIGN_IN, check, methods=["POST"]),
        Route(f"{SIGN_IN}-links", guarded(request_response(make_link)), methods=["POST"]),
        Route("/console/sign-out", leave, methods=["POST"]),
    ]


def _next(to: str) -> str:
    """Return where to go after signing in: nowhere but to a page of the console."""
    return to if _NEXT.fullmatch(to) and ".." not in to else "/console"
