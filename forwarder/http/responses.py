"""The responses to senders, in the form that their own retry rules need.

Segment's clients retry 5xx, 408, 410, 429 and 460 and drop every other 4xx; analytics-python takes exactly
200 for success and reads ``code`` and ``message`` of every other answer without looking whether they exist.
"""

from dataclasses import dataclass
from typing import Final

import orjson

Header = tuple[bytes, bytes]
PRIVATE: Final = {"cache-control": "no-store", "x-content-type-options": "nosniff"}
"""Headers of what is for nobody else, or not for long: the operator's pages, and errors."""
LONGEST_WAIT = 300
"""Seconds; clients wait no longer whatever Retry-After says."""


@dataclass(frozen=True, slots=True)
class Response:
    """An HTTP response, without CORS headers."""

    status: int
    body: bytes
    headers: tuple[Header, ...] = ()


class Refusal(Exception):  # noqa: N818 - it is an answer
    """A request that is refused as a whole. ``code`` is also the counted reason."""

    def __init__(self, status: int, code: str, message: str, retry_after: int | None = None) -> None:
        self.status = status
        self.code = code
        self.message = message
        self.retry_after = retry_after
        super().__init__(message)


OK = Response(200, b'{"success": true}')


def refusal_response(refusal: Refusal) -> Response:
    """Return the response for a refusal."""
    return error(refusal.status, refusal.code, refusal.message, retry_after=refusal.retry_after)


def error(
    status: int, code: str, message: str, *, retry_after: int | None = None, **more: object
) -> Response:
    """Return an answer with ``code``, ``message`` and more JSON fields; ``retry_after``: seconds."""
    headers: tuple[Header, ...] = ()
    if retry_after is not None:
        seconds = b"%d" % min(max(retry_after, 1), LONGEST_WAIT)
        headers = ((b"retry-after", seconds), (b"x-ratelimit-reset", seconds))
    return Response(status, error_body(code, message, **more), headers)


def error_body(code: str, message: str, **more: object) -> bytes:
    """Return the JSON that every route of the forwarder answers an error with, whoever writes the head."""
    return orjson.dumps({"success": False, "code": code, "message": message, **more})
