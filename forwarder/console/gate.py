"""Lets a browser that has signed in to the console's pages, and shows the others where they can."""

from collections.abc import Callable
from typing import Final
from urllib.parse import quote

from starlette.datastructures import Headers
from starlette.requests import cookie_parser
from starlette.responses import RedirectResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from forwarder.console.sign_in import COOKIE
from forwarder.http.responses import PRIVATE
from forwarder.prefixes import prefix_of

SIGN_IN: Final = "/console/sign-in"


class ConsoleGate:
    """Passes on what a signed-in browser asks for; programs go the way of the operator's token."""

    def __init__(self, app: ASGIApp, guarded: ASGIApp, is_signed_in: Callable[[Headers], bool]) -> None:
        """``guarded``: the same application behind the token."""
        self._app, self._guarded, self._is_signed_in = app, guarded, is_signed_in

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or send a browser to the page where it can sign in."""
        headers = Headers(scope=scope)
        if self._is_signed_in(headers):
            await self._app(scope, receive, send)
        elif is_browser(headers) and "authorization" not in headers and scope["method"] == "GET":
            there = scope["path"] + (
                f"?{query}" if (query := scope["query_string"].decode("latin-1")) else ""
            )
            to = f"{prefix_of(scope)}{SIGN_IN}?next={quote(there, safe='')}"
            await RedirectResponse(to, 303, PRIVATE)(scope, receive, send)
        else:
            await self._guarded(scope, receive, send)


def cookie_of(headers: Headers) -> str:
    """Return the console's own cookie of a request, empty where it has none."""
    return cookie_parser(headers.get("cookie", "")).get(COOKIE, "")


def is_browser(headers: Headers) -> bool:
    """Return whether the sender wants a page to look at, as browsers do."""
    return "text/html" in headers.get("accept", "")
