"""Signing in to the console and out of it: the operator's token, once, on a page of our own."""

import re
from typing import Final

import orjson
import structlog
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route, request_response

from forwarder.addresses import network_of
from forwarder.console.forms import form_of, is_from_here
from forwarder.console.gate import SIGN_IN, cookie_of
from forwarder.console.pages import ROOT, Pages, base_of, redirect
from forwarder.console.sign_in import COOKIE, LINK_MS, SIGNED_IN_MS, UsedLinks, cookie, link
from forwarder.http.auth import WRONG_TOKENS, is_token
from forwarder.http.client_address import address_of
from forwarder.http.metrics import count_operator_refusal
from forwarder.http.responses import PRIVATE

log = structlog.get_logger()
_NEXT: Final = re.compile(r"/console(?:[/?][\w/?=&.%+-]*)?")
"""Where somebody may be sent who has signed in: the console's own pages."""


def sign_in_routes(pages: Pages) -> list[Route]:
    """Return the routes; everybody may ask but for new links."""
    token, clock = pages.token, pages.clock
    used = UsedLinks()

    def signed_in(request: Request, answer: Response) -> Response:
        answer.set_cookie(
            COOKIE,
            cookie(token(), clock()),
            max_age=SIGNED_IN_MS // 1000,
            path=base_of(request),
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
        return pages.page(
            request, "sign_in", status_code, is_open=bool(token()), to=ROOT + _next(to), why=why
        )

    async def show(request: Request) -> Response:
        once = request.query_params.get("once")
        if once is None:
            return ask(request, to=request.query_params.get("next", ""))
        if used.takes(token(), once, clock()):
            # A page and not a redirect: after one that began elsewhere, browsers send no strict cookie.
            return signed_in(request, pages.page(request, "signed_in"))
        if pages.is_signed_in(request.headers):
            return redirect(request, "")
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
        return signed_in(request, redirect(request, _next(to)))

    async def make_link(request: Request) -> Response:
        made = {"link": link(token(), clock()), "seconds": LINK_MS // 1000}
        return Response(orjson.dumps(made), 201, PRIVATE, media_type="application/json")

    async def leave(request: Request) -> Response:
        if not is_from_here(request):
            raise HTTPException(403, "this has to come from the console's own pages")
        pages.signed_out.add(token(), cookie_of(request.headers), clock())
        answer = redirect(request, "/sign-in")
        answer.delete_cookie(COOKIE, path=base_of(request), httponly=True, samesite="strict")
        return answer

    return [
        Route(SIGN_IN, show, methods=["GET"]),
        Route(SIGN_IN, check, methods=["POST"]),
        Route(f"{SIGN_IN}-links", pages.guarded(request_response(make_link)), methods=["POST"]),
        Route("/console/sign-out", leave, methods=["POST"]),
    ]


def _next(to: str) -> str:
    """Return where to go after signing in, below the console's own path: to one of its pages alone."""
    return to.removeprefix(ROOT) if _NEXT.fullmatch(to) and ".." not in to else ""
