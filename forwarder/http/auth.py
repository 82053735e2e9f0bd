"""The operator's token: what is not public answers only to the operator's token."""

import binascii
import hmac
from base64 import b64decode
from collections.abc import Callable

from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from forwarder.http.responses import error_body


class RequireOperatorToken:
    """Lets requests through that carry the token, as Bearer or as the password of Basic (any user name)."""

    def __init__(self, app: ASGIApp, token: Callable[[], str]) -> None:
        """``token`` is asked at every request; while it is empty, nothing passes."""
        self._app = app
        self._token = token

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or answer 401."""
        expected = self._token().encode()
        if scope["type"] != "http" or _opens(Headers(scope=scope).get("authorization", ""), expected):
            await self._app(scope, receive, send)
            return
        mend = "send it as Bearer" if expected else "none is set: set server.operator_token"
        body = error_body("operator_only", f"this needs the operator's token; {mend}")
        headers = {"www-authenticate": 'Basic realm="operator", charset="UTF-8"', "cache-control": "no-store"}
        await Response(body, 401, headers, media_type="application/json")(scope, receive, send)


def _opens(authorization: str, expected: bytes) -> bool:
    scheme, _, given = authorization.partition(" ")
    token = given.strip().encode("utf-8", "replace")
    if scheme.lower() == "basic":
        try:
            token = b64decode(token, validate=True).partition(b":")[2]
        except binascii.Error:
            return False
    elif scheme.lower() != "bearer":
        return False
    return bool(expected) and hmac.compare_digest(token, expected)
