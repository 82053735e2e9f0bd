"""What a page fetches: the settings document, Analytics.js, the plugin's files; and what it reports."""

import hashlib
from collections.abc import Callable

import anyio
import orjson
import structlog
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from forwarder.addresses import is_loopback
from forwarder.cdn.assets import FOR_EVERYONE, Assets, missing
from forwarder.cdn.settings_document import rudderstack_document, settings_document
from forwarder.config.settings import Settings
from forwarder.http.cors import preflight_headers
from forwarder.http.metrics import count_report
from forwarder.http.responses import PRIVATE, error_body
from forwarder.ingest.sources import Sources, basic_user
from forwarder.prefixes import prefix_of

_BASES, _ENDS = ("/v1", "/d", ""), ("", "/")
_LARGEST_REPORT = 2_048
"""Bytes that are read of a report: its kind, and a reason that pages cut at 300 characters."""
log = structlog.get_logger()
_VARY = "Host, Origin, Sec-Fetch-Mode, User-Agent, X-Forwarded-Prefix"
_UNKNOWN_KEY = "this write key is not known here; check the key in the page's snippet"


class Pages:
    """The page's routes over one configuration."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._sources = Sources(settings.sources)
        self._plugin = Assets(settings.server.assets / "page")
        self._analytics = Assets(settings.server.assets / "analytics.js")

    async def document(self, request: Request) -> Response:
        """Answer ``GET /v1/projects/{write_key}/settings``."""
        source = self._sources.find(request.path_params["write_key"])
        if source is None:
            return missing(_UNKNOWN_KEY)
        origin = self._origin(request)
        if origin is None:
            log.warning("no settings document: set server.public_url as pages reach this forwarder")
            return _unknown_address()
        app = _is_app(request)
        plugin = await anyio.to_thread.run_sync(self._has_plugin)
        document = settings_document(self._settings, source, origin, app=app, plugin=plugin)
        # What a request's own Host made, no cache may give to anybody else.
        shared = "public" if self._settings.server.public_url and not app else "private"
        return _unless_known(document, request, shared)

    async def rudderstack(self, request: Request) -> Response:
        """Answer ``GET /sourceConfig?writeKey=``; apps send the key as Basic user name instead."""
        key = request.query_params.get("writeKey") or basic_user(request.headers.get("authorization", ""))
        source = self._sources.find(key)
        return (
            missing(_UNKNOWN_KEY) if source is None else _unless_known(rudderstack_document(source), request)
        )

    def _has_plugin(self) -> bool:
        """Return whether the files are there that pages would be sent to."""
        return (self._settings.server.assets / "page" / "session-plugin.js").is_file()

    def _origin(self, request: Request) -> str | None:
        """Return this forwarder's address for pages; None where nothing but the request would say it.

        A sender writes whatever it likes into Host; only that of this machine itself leads nobody astray.
        """
        if self._settings.server.public_url:
            return self._settings.server.public_url
        host = request.headers.get("host", "")
        if not is_loopback(host):
            return None
        scheme = "https" if request.url.scheme in ("https", "wss") else "http"
        return f"{scheme}://{host}{prefix_of(request.scope)}"

    async def analytics(self, request: Request) -> Response:
        """Answer the familiar ``/analytics.js/v1/{write_key}/analytics.min.js``."""
        if self._sources.find(request.path_params["write_key"]) is None:
            return missing(_UNKNOWN_KEY)
        return await self._analytics.answer("analytics.min.js", request)

    async def bundle(self, request: Request) -> Response:
        """Answer Analytics.js' lazy parts."""
        return await self._analytics.answer(request.path_params["path"], request)

    async def plugin(self, request: Request) -> Response:
        """Answer the plugin's files."""
        return await self._plugin.answer(request.path_params["path"], request)

    async def report(self, request: Request) -> Response:
        """Count what a page says went wrong in the plugin: a JSON object whose ``kind`` is one of a few."""
        body = b""
        async for part in request.stream():
            body += part
            if len(body) > _LARGEST_REPORT:
                break
        try:
            said = orjson.loads(body[: _LARGEST_REPORT + 1])
            kind = said.get("kind") if isinstance(said, dict) else None
        except orjson.JSONDecodeError:
            kind = None
        count_report(kind)
        return Response(status_code=204, headers=FOR_EVERYONE)


def _unknown_address() -> Response:
    """Answer for a forwarder that does not know its own address, so that its operator sees the mend."""
    mend = "set server.public_url to its address as pages reach it, like https://events.example.com"
    body = error_body("no_public_url", f"this forwarder does not know its own address; {mend}")
    return Response(body, 503, {**FOR_EVERYONE, **PRIVATE}, "application/json")


def _is_app(request: Request) -> bool:
    """Return whether a mobile library asks. Browsers call themselves Mozilla, and most say who asks."""
    headers = request.headers
    said = "origin" in headers or any(name.startswith("sec-fetch-") for name in headers)
    return not said and not headers.get("user-agent", "").startswith(("Mozilla/", "Opera/"))


def _unless_known(body: bytes, request: Request, shared: str = "public") -> Response:
    """Answer a document, unless the browser has it already; ``shared``: what caches on the way may do."""
    tag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
    headers = {**FOR_EVERYONE, "etag": tag, "cache-control": f"{shared}, max-age=60", "vary": _VARY}
    if request.headers.get("if-none-match") == tag:
        return Response(status_code=304, headers=headers)
    return Response(body, headers=headers, media_type="application/json")


def _preflight(request: Request, method: str) -> Response:
    """Allow any page's request, whatever headers its tracing tools add to it."""
    asked = request.headers.get("access-control-request-headers", "").encode("latin-1")
    headers = preflight_headers(b"*", asked, f"{method}, OPTIONS".encode())
    return Response(status_code=204, headers={name.decode(): value.decode() for name, value in headers})


def page_routes(pages: Callable[[], Pages]) -> list[Route]:
    """Return the routes; ``pages`` is asked at every request, for a reload may have changed them."""

    def route(path: str, answer: str, method: str = "GET") -> Route:
        async def endpoint(request: Request) -> Response:
            if request.method == "OPTIONS":
                return _preflight(request, method)
            done: Response = await getattr(pages(), answer)(request)
            return done

        return Route(path, endpoint, methods=[method, "OPTIONS"], name=f"{answer} {path}")

    return [
        *(
            route(f"{base}/projects/{{write_key}}/settings{end}", "document")
            for base in _BASES
            for end in _ENDS
        ),
        *(route(f"/sourceConfig{end}", "rudderstack") for end in _ENDS),
        *(
            route(f"/analytics.js/v1/{{write_key}}/{middle}analytics{form}.js", "analytics")
            for middle in ("", "platform/")
            for form in (".min", "")
        ),
        route("/p/a/{write_key}.js", "analytics"),  # a name that block lists do not know
        route("/analytics-next/bundles/{path:path}", "bundle"),
        route("/p/report", "report", "POST"),
        route("/p/{path:path}", "plugin"),
    ]
