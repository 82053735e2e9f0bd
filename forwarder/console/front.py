"""What the forwarder's own address says to who opens it: people see a page, programs read JSON."""

from pathlib import Path
from typing import Final

import orjson
from starlette.requests import Request
from starlette.responses import Response

from forwarder.console.gate import is_browser

_PAGE: Final = (Path(__file__).parent / "templates" / "front.html").read_bytes()
_SAID: Final = orjson.dumps(
    {
        "service": "takes events of Segment's libraries and sends them to Amplitude",
        "health": "/health",
        "openapi": "/openapi.json",
        "console": "/console",
    }
)
_HEADERS: Final = {
    "content-security-policy": "default-src 'none'; style-src 'self'; img-src data:; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "vary": "accept",
}


async def front_page(request: Request) -> Response:
    """Say what this is, and where to go on."""
    if is_browser(request.headers):
        return Response(_PAGE, headers=_HEADERS, media_type="text/html")
    return Response(_SAID, headers=_HEADERS, media_type="application/json")
