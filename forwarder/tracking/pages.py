"""What a page fetches: the settings document, Analytics.js, the plugin's files; and what it reports."""

import hashlib
from collections.abc import Callable

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from forwarder.settings import Settings
from forwarder.tracking.assets import FOR_EVERYONE, Assets, missing
from forwarder.tracking.cors import preflight_headers
from forwarder.tracking.counted import count_report
from forwarder.tracking.document import rudderstack_document, settings_document
from forwarder.tracking.sources import Sources

_LARGEST_REPORT = 2_048
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
        return _fresh(settings_document(self._settings, source, self._origin(request)), request)

    async def rudderstack(self, request: Request) -> Response:
        """Answer ``GET /sourceConfig/?writeKey=``."""
        source = self._sources.find(request.query_params.get("writeKey"))
        return missing(_UNKNOWN_KEY) if source is None else _fresh(rudderstack_document(source), request)

    def _origin(self, request: Request) -> str:
        return self._settings.server.public_url or f"{request.url.scheme}://{request.url.netloc}"

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


def _fresh(body: bytes, request: Request) -> Response:
    """Answer a document, unless the browser has it already."""
    tag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
    headers = {**FOR_EVERYONE, "etag": tag, "cache-control": "public, max-age=60", "vary": "Host"}
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
        route("/v1/projects/{write_key}/settings", "document"),
        route("/sourceConfig/", "rudderstack"),
        route("/analytics.js/v1/{write_key}/analytics.min.js", "analytics"),
        route("/p/a/{write_key}.js", "analytics"),  # a name that block lists do not know
        route("/analytics-next/bundles/{path:path}", "bundle"),
        route("/p/report", "report", "POST"),
        route("/p/{path:path}", "plugin"),
    ]
