"""The operator's door: what is not public answers only to the operator's token."""

import binascii
import hmac
from base64 import b64decode

from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send


class OperatorOnly:
    """Lets requests through that carry the token, as Bearer or as the password of Basic (any user name)."""

    def __init__(self, app: ASGIApp, token: str) -> None:
        self._app = app
        self._token = token.encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or answer 401."""
        if scope["type"] != "http" or self._opens(Headers(scope=scope).get("authorization", "")):
            await self._app(scope, receive, send)
            return
        mend = "send it as Bearer" if self._token else "none is set: set server.operator_token"
        body = {
            "success": False,
            "code": "operator_only",
            "message": f"this needs the operator's token; {mend}",
        }
        headers = {"www-authenticate": 'Basic realm="operator", charset="UTF-8"', "cache-control": "no-store"}
        await JSONResponse(body, 401, headers)(scope, receive, send)

    def _opens(self, authorization: str) -> bool:
        scheme, _, given = authorization.partition(" ")
        token = given.strip().encode("utf-8", "replace")
        if scheme.lower() == "basic":
            try:
                token = b64decode(token, validate=True).partition(b":")[2]
            except binascii.Error:
                return False
        elif scheme.lower() != "bearer":
            return False
        return bool(self._token) and hmac.compare_digest(token, self._token)
