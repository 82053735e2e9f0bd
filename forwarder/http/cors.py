"""The CORS headers with which pages of other origins can send events and read the responses."""

from forwarder.http.responses import Header

REQUEST_HEADERS = ("authorization", "content-type", "x-retry-count")
"""Sent by Analytics.js; since 1.84 every request of it is preflighted for them."""
_EXPOSED = (b"access-control-expose-headers", b"Retry-After, X-RateLimit-Reset")
_CREDENTIALS = (b"access-control-allow-credentials", b"true")
"""No cookie is read here; but beacons always are sent with credentials, and other requests on wish."""
_VARY = (b"vary", b"Origin")
_MAX_AGE = (b"access-control-max-age", b"86400")


def answer_headers(origin: bytes) -> tuple[Header, ...]:
    """Return the headers of an answer to a page of ``origin``, which may send; empty: no page; ``*``: any."""
    if not origin:
        return (_VARY,)
    if origin == b"*":
        return ((b"access-control-allow-origin", origin), _EXPOSED)
    return ((b"access-control-allow-origin", origin), _CREDENTIALS, _EXPOSED, _VARY)


def preflight_headers(origin: bytes, asked: bytes, methods: bytes) -> tuple[Header, ...]:
    """Return the headers that allow a request with ``methods`` and the ``asked`` request headers."""
    names = list(REQUEST_HEADERS)
    for name in asked[:1_024].decode("latin-1").lower().split(","):
        name = name.strip()
        plain = name.replace("-", "").replace("_", "")
        if name not in names and plain.isascii() and plain.isalnum():
            names.append(name)
    return (
        *answer_headers(origin),
        (b"access-control-allow-methods", methods),
        (b"access-control-allow-headers", ", ".join(names[:50]).encode("latin-1")),
        _MAX_AGE,
    )
