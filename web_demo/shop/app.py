"""The shop's pages. What visitors do is kept in their browser; the server only renders."""

from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.templating import Jinja2Templates

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


def create_app(forwarder: str, write_key: str) -> Starlette:
    """Return the shop; ``forwarder``: the address its pages load Analytics.js from, without a last slash."""

    def render(request: Request, name: str, **more: Any) -> Response:
        shown = {"forwarder": forwarder, "write_key": write_key, "products": PRODUCTS, "companies": COMPANIES}
        return TEMPLATES.TemplateResponse(request, f"{name}.html", {**shown, "name": name, **more})

    async def page(request: Request) -> Response:
        return render(request, PAGES[request.url.path])

    async def product(request: Request) -> Response:
        wanted = request.path_params["id"]
        found = next((one for one in PRODUCTS if one["product_id"] == wanted), None)
        if found is None:
            raise HTTPException(404, f"there is no product {wanted}")
        return render(request, "product", product=found)

    return Starlette(
        routes=[
            *(Route(path, page) for path in PAGES),
            Route("/products/{id}", product),
            Mount("/static", StaticFiles(directory=HERE / "static")),
        ]
    )
