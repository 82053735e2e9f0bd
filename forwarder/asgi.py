"""The forwarder's HTTP applications: all routes over one forwarder, and those of the status port."""

from prometheus_client import generate_latest
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route, request_response
from starlette.types import ASGIApp

from forwarder import metrics
from forwarder.app import Forwarder
from forwarder.cdn.routes import page_routes
from forwarder.console import console_routes, front_page
from forwarder.http.auth import RequireOperatorToken
from forwarder.http.responses import PRIVATE, error_body
from forwarder.ingest.pixel import Pixel
from forwarder.ingest.routes import BASES, Ingest, Shortcut
from forwarder.openapi.document import openapi as document
from forwarder.status import READY, status_routes


def create_app(forwarder: Forwarder) -> ASGIApp:
    """Return the application over a forwarder that runs as long as requests come."""

    async def counters(request: Request) -> Response:
        """Answer the counters in Prometheus' text format."""
        metrics.WRITABLE.put(forwarder.status() in READY)
        await forwarder.delivery.report()
        return _counters()

    ingest, pixel = Ingest(lambda: forwarder.service), Pixel(lambda: forwarder.service)

    def token() -> str:
        return forwarder.settings.server.operator_token.get_secret_value()

    def guarded(app: ASGIApp) -> ASGIApp:
        return RequireOperatorToken(app, token)

    app = Starlette(
        routes=[
            *(Route(f"{base}/{{kind}}{end}", ingest) for base in BASES if base for end in ("", "/")),
            *(Route(f"{base}/{{kind}}{end}", pixel) for base in ("/v1/pixel", "/p/i") for end in ("", "/")),
            *page_routes(lambda: forwarder.pages),
            *status_routes(forwarder.status),
            Route("/openapi.json", describe),
            Route("/metrics", guarded(request_response(counters))),
            Route("/", front_page),
            *console_routes(forwarder.shown, guarded, token),
        ],
        exception_handlers=HANDLERS,
    )
    app.router.redirect_slashes = False  # clients take a redirect for success
    return Shortcut(app, ingest)


def _counters() -> Response:
    media = "text/plain; version=0.0.4; charset=utf-8"
    return Response(generate_latest(), headers=PRIVATE, media_type=media)


def create_status_app(forwarder: Forwarder) -> ASGIApp:
    """Return the application of the status port, which answers while standing by as well."""

    async def counters(request: Request) -> Response:
        """Answer the counters in Prometheus' text format."""
        metrics.WRITABLE.put(forwarder.status() in READY)
        if forwarder.serves:
            await forwarder.delivery.report()
        return _counters()

    def token() -> str:
        return forwarder.settings.server.operator_token.get_secret_value()

    routes = [
        *status_routes(forwarder.status),
        Route("/metrics", RequireOperatorToken(request_response(counters), token)),
    ]
    return Starlette(routes=routes, exception_handlers=HANDLERS)


async def describe(request: Request) -> Response:
    """Answer the description of the public routes."""
    return Response(document(), media_type="application/json", headers={"access-control-allow-origin": "*"})


async def _http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    if error.status_code == 404:
        code, message = "not_found", "there is no such route; see /openapi.json"
    elif error.status_code == 413:
        code, message = "body_too_large", error.detail
    elif error.status_code == 405:
        allowed = (error.headers or {}).get("allow", "another method")
        code, message = "method_not_allowed", f"this route takes {allowed}"
    else:
        code, message = "refused", error.detail
    body = error_body(code, message)
    headers = {**(error.headers or {}), **PRIVATE}
    return Response(body, error.status_code, headers, media_type="application/json")


async def _failure(request: Request, error: Exception) -> Response:
    body = error_body("internal", "the forwarder failed; send again")
    return Response(body, 500, PRIVATE, media_type="application/json")


HANDLERS = {HTTPException: _http_error, Exception: _failure}
