"""The operator's token: what is not public answers only to the operator's token."""

import binascii
import hmac
import time
from base64 import b64decode
from collections.abc import Callable
from typing import Final

import structlog
from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from forwarder.addresses import network_of
from forwarder.http.client_address import address_of
from forwarder.http.metrics import count_operator_refusal
from forwarder.http.rate_limit import FailedAttempts
from forwarder.http.responses import PRIVATE, error_body
from forwarder.http.slowing import SLOWED
from forwarder.text import one_line

log = structlog.get_logger()
_WRONG_PER_MINUTE: Final = 10
"""Wrong tokens of one address that are answered at once: an operator mistypes, a program guesses."""
_LOG_EVERY_MS: Final = 10_000
"""Between two lines on wrong tokens: who guesses fills no disk."""
_LONGEST_NAME: Final = 32
"""Characters of an operator's name in a log line."""


class WrongTokens:
    """The guard against guessed tokens: wrong ones are counted, logged at times, and slowed by address."""

    def __init__(self, clock: Callable[[], int]) -> None:
        """``clock``: milliseconds, never set back."""
        self._clock = clock
        self._failed = FailedAttempts(_WRONG_PER_MINUTE)
        self._unlogged = 0
        self._logged_at: int | None = None

    async def refused(self, network: str) -> None:
        """Note a wrong token from an address; return when it may be answered."""
        now = self._clock()
        self._unlogged += 1
        if self._logged_at is None or now - self._logged_at >= _LOG_EVERY_MS:
            log.warning("wrong operator's token", tries=self._unlogged)
            self._unlogged, self._logged_at = 0, now
        slowed = self._failed.too_many(network, now)
        self._failed.count(network, now)
        if slowed:
            await SLOWED.wait()


WRONG_TOKENS: Final = WrongTokens(lambda: time.monotonic_ns() // 1_000_000)
"""Of this process: every route of the operator has the same token."""


class RequireOperatorToken:
    """Lets requests through that carry the token, as Bearer or as the password of Basic (any user name)."""

    def __init__(self, app: ASGIApp, token: Callable[[], str], wrong: WrongTokens = WRONG_TOKENS) -> None:
        """``token`` is asked at every request; while it is empty, nothing passes."""
        self._app = app
        self._token = token
        self._wrong = wrong

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or answer 401."""
        expected = self._token().encode()
        authorization = "" if scope["type"] != "http" else Headers(scope=scope).get("authorization", "")
        if scope["type"] != "http" or _opens(authorization, expected):
            await self._app(scope, receive, send)
            return
        why = "not_configured" if not expected else "wrong_token" if authorization else "no_token"
        count_operator_refusal(why)
        if why == "wrong_token":
            await self._wrong.refused(network_of(address_of(scope)))
        mend = "send it as Bearer" if expected else "none is set: set server.operator_token"
        body = error_body("operator_only", f"this needs the operator's token; {mend}")
        headers = {"www-authenticate": 'Basic realm="operator", charset="UTF-8"', **PRIVATE}
        await Response(body, 401, headers, media_type="application/json")(scope, receive, send)


def operator_name(authorization: str) -> str:
    """Return the name that the operator gave beside the token, for the log; empty where there is none."""
    return one_line(_given(authorization)[0].decode("utf-8", "replace"), _LONGEST_NAME)


def is_token(given: bytes, expected: bytes) -> bool:
    """Return whether this is the operator's token; nothing is where none is set."""
    return bool(expected) and hmac.compare_digest(given, expected)


def _opens(authorization: str, expected: bytes) -> bool:
    token = _given(authorization)[1]
    return token is not None and is_token(token, expected)


def _given(authorization: str) -> tuple[bytes, bytes | None]:
    """Return the name and the token of a request; None where there is no token in it."""
    scheme, _, given = authorization.partition(" ")
    token = given.strip().encode("utf-8", "replace")
    if scheme.lower() == "bearer":
        return b"", token
    if scheme.lower() != "basic":
        return b"", None
    try:
        name, _, password = b64decode(token, validate=True).partition(b":")
    except binascii.Error:
        return b"", None
    return name, password
