"""What the console's pages share: templates, headers, who may see them, where their forms come from."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route, request_response
from starlette.templating import Jinja2Templates
from starlette.types import ASGIApp

from forwarder.console.compiled import Compiled
from forwarder.console.forms import is_from_here
from forwarder.console.gate import ConsoleGate, cookie_of, is_browser
from forwarder.console.navigation import NAVIGATION, current_entry
from forwarder.console.sign_in import SignedOut, is_cookie
from forwarder.console.subject import Shown
from forwarder.http.responses import PRIVATE
from forwarder.prefixes import prefix_of
from forwarder.text import in_lines

Endpoint = Callable[[Request], Awaitable[Response]]
_TEMPLATES: Final = Path(__file__).parent / "templates"
ROOT: Final = "/console"
HEADERS: Final = {
    **PRIVATE,
    "content-security-policy": (
        "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src data:;"
        " form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
    ),
    # Without any referrer, browsers send "Origin: null" with the console's own forms (Fetch, 3.2.5), and
    # over plain http by name nothing else that says where they come from.
    "referrer-policy": "same-origin",
}


class Pages:
    """The pages of the console as routes. Each file of pages makes its own with it."""

    def __init__(
        self, shown: Callable[[], Shown], guarded: Callable[[ASGIApp], ASGIApp], token: Callable[[], str]
    ) -> None:
        """``guarded`` wraps what only the operator may see; ``token``: the operator's, "" where none is."""
        self.shown, self.guarded, self.token = shown, guarded, token
        self.signed_out = SignedOut()
        self.compiled = Compiled()
        self._templates = Jinja2Templates(_TEMPLATES)
        env = self._templates.env
        env.finalize = _visible
        env.trim_blocks = env.lstrip_blocks = True
        env.filters |= {
            "moment": moment,
            "instant": instant,
            "duration": duration,
            "count": count,
            "clock": clock,
        }

    def clock(self) -> int:
        """Return the time, ms since the epoch."""
        return self.shown().clock()

    def is_signed_in(self, headers: Headers) -> bool:
        """Return whether a browser that sends these headers is signed in, still."""
        value = cookie_of(headers)
        return is_cookie(self.token(), value, self.clock()) and not self.signed_out.has(value)

    def page(self, request: Request, name: str, status_code: int = 200, **values: object) -> Response:
        """Return the page of a template; ``values``: what it shows."""
        path = request.url.path.removeprefix(ROOT)
        shared = {"base": base_of(request), "navigation": NAVIGATION, "current": current_entry(path)}
        return self._templates.TemplateResponse(
            request, f"{name}.html", {**shared, **values}, status_code, HEADERS
        )

    def part(self, name: str, **values: object) -> str:
        """Return the markup of a template that is a part of a page."""
        return self._templates.get_template(f"{name}.html").render(values)

    def macro(self, template: str, name: str) -> Callable[..., str]:
        """Return a macro of a template, which makes markup in half of the time that a template takes."""
        made: Callable[..., str] = getattr(self._templates.get_template(f"{template}.html").module, name)
        return made

    def route(self, path: str, endpoint: Endpoint, method: str = "GET") -> Route:
        """Return the route of a page below the console's own path; browsers read errors as pages too."""

        async def answered(request: Request) -> Response:
            try:
                return await endpoint(request)
            except HTTPException as error:
                if not is_browser(request.headers):
                    raise
                return self.page(request, "error", error.status_code, why=error.detail)

        app = request_response(answered)
        gate = ConsoleGate(app, self.guarded(app), self.is_signed_in)
        return Route(f"{ROOT}{path}", gate, methods=[method])

    def form_route(self, path: str, endpoint: Endpoint) -> Route:
        """Return the route that one of the console's own forms is sent to; others are refused."""

        async def from_here(request: Request) -> Response:
            if not is_from_here(request):
                raise HTTPException(403, "this has to come from the console's own pages")
            return await endpoint(request)

        return self.route(path, from_here, "POST")


def base_of(request: Request) -> str:
    """Return the console's own path as browsers have to ask for it, with the prefix of a proxy."""
    return prefix_of(request.scope) + ROOT


def redirect(request: Request, path: str) -> Response:
    """Return what sends a browser on to a page of the console, after a form."""
    return RedirectResponse(base_of(request) + path, 303, HEADERS)


def number(text: str) -> int:
    """Return a number from an address or a form. Raises HTTPException."""
    if not (text.isascii() and text.isdigit() and len(text) < 19):
        raise HTTPException(400, "a number is needed there")
    return int(text)


def _visible(value: object) -> object:
    """Return what a page says with nothing invisible in texts: they may come from senders."""
    return in_lines(value) if type(value) is str else value  # markup is the templates' own


def moment(ms: int) -> str:
    """Return a time as people read it, UTC. ``ms``: since the epoch."""
    return _datetime(ms).strftime("%Y-%m-%d %H:%M:%S")


def clock(ms: int) -> str:
    """Return the time of day to the millisecond, UTC. ``ms``: since the epoch."""
    return _datetime(ms).strftime("%H:%M:%S.%f")[:-3]


def instant(ms: int) -> str:
    """Return a time as programs read it."""
    return _datetime(ms).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _datetime(ms: int) -> datetime:
    return datetime.fromtimestamp(ms / 1000, UTC)


def duration(ms: int) -> str:
    """Return a length of time in one unit."""
    if ms < 1_000:
        return f"{ms} ms"
    if ms < 10_000:
        return f"{ms / 1_000:.1f} s"
    seconds = ms // 1000
    if seconds < 120:
        return f"{seconds} s"
    if seconds < 7200:
        return f"{seconds // 60} min"
    return f"{seconds // 3600} h" if seconds < 172_800 else f"{seconds // 86_400} days"


def count(number: int) -> str:
    """Return a number with its thousands apart."""
    return f"{number:,}"
