"""A connection that ends without an answer."""

from typing import Any

from starlette.requests import Request
from starlette.responses import Response


class HangUpError(Exception):
    """The connection is to be closed without an answer."""


async def hang_up(request: Request, error: Exception) -> Response:
    """Close the connection without an answer: a response that sends nothing makes the server do so."""

    class Nothing(Response):
        async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
            return

    return Nothing()
