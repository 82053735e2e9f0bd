"""The shop's pages. What visitors do is kept in their browser; the server renders, and asks others."""

from pathlib import Path
from typing import Any

import httpx
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.templating import Jinja2Templates

from web_demo.shop.behind import Behind
from web_demo.shop.products import COMPANIES, PRODUCTS

HERE = Path(__file__).parent
TEMPLATES = Jinja2Templates(HERE / "templates")
PAGES = {
    "/": "products",
    "/cart": "cart",
    "/checkout": "checkout",
    "/thanks": "thanks",
    "/sign-in": "sign-in",
}
NO_WASM = "shop_wasm"
"""The cookie by which a visitor has the shop forbid WebAssembly, as strict sites do."""


def create_app(forwarder: str, write_key: str, amplitude: str = "", token: str = "") -> Starlette:
    """Return the shop; ``forwarder``: the address its pages load Analytics.js from, without a last slash.

    ``amplitude``: the fake Amplitude's address, "" where there is none; ``token``: opens the forwarder's
    console, so that the drawer can say what became of the visitor's events.
    """
    behind = Behind(forwarder, amplitude, token)
    strict = f"script-src 'self' 'unsafe-inline' {forwarder}"

    def render(request: Request, name: str, **more: Any) -> Response:
        shown: dict[str, Any] = {"products": PRODUCTS, "companies": COMPANIES}
        shown |= {"forwarder": forwarder, "write_key": write_key}
        shown |= {"has_faults": bool(amplitude), "has_states": bool(token)}
        no_wasm = request.cookies.get(NO_WASM) == "off"
        headers = {"content-security-policy": strict} if no_wasm else {}
        values = {**shown, "name": name, **more}
        return TEMPLATES.TemplateResponse(request, f"{name}.html", values, 200, headers)

    async def page(request: Request) -> Response:
        return render(request, PAGES[request.url.path])

    async def product(request: Request) -> Response:
        wanted = request.path_params["id"]
        found = next((one for one in PRODUCTS if one["product_id"] == wanted), None)
        if found is None:
            raise HTTPException(404, f"there is no product {wanted}")
        return render(request, "product", product=found)

    async def events(request: Request) -> Response:
        return JSONResponse(await behind.events(request.query_params.get("device", "")))

    async def fault(request: Request) -> Response:
        if wrong := await behind.misbehave(await request.json()):
            raise HTTPException(400, wrong)
        return JSONResponse({})

    return Starlette(
        routes=[
            *(Route(path, page) for path in PAGES),
            Route("/products/{id}", product),
            Route("/_/events", events),
            Route("/_/faults", fault, methods=["POST"]),
            Mount("/static", StaticFiles(directory=HERE / "static")),
        ],
        exception_handlers={httpx.HTTPError: _unreachable},
    )


async def _unreachable(request: Request, error: Exception) -> Response:
    return JSONResponse({"error": "the other program does not answer"}, 502)
