"""What browsers have to be told so that pages of other origins can send events and read the answers."""

from forwarder.tracking.answers import Header

REQUEST_HEADERS = ("authorization", "content-type", "x-retry-count")
"""Sent by Analytics.js; since 1.84 every request of it is preflighted for them."""
_EXPOSED = (b"access-control-expose-headers", b"Retry-After, X-RateLimit-Reset")
_VARY = (b"vary", b"Origin")
_MAX_AGE = (b"access-control-max-age", b"86400")


def answer_headers(origin: bytes) -> tuple[Header, ...]:
    """Return the headers of an answer to a page of ``origin``, which may send; empty: no page."""
    if not origin:
        return (_VARY,)
    return ((b"access-control-allow-origin", origin), _EXPOSED, _VARY)


def preflight_headers(origin: bytes, asked: bytes, methods: bytes) -> tuple[Header, ...]:
    """Return the headers that allow a request with ``methods`` and the ``asked`` request headers."""
    names = list(REQUEST_HEADERS)
    for name in asked.decode("latin-1").lower().split(","):
        name = name.strip()
        if name and name not in names and name.replace("-", "").replace("_", "").isalnum():
            names.append(name)
    return (
        *answer_headers(origin),
        (b"access-control-allow-methods", methods),
        (b"access-control-allow-headers", ", ".join(names[:50]).encode("latin-1")),
        _MAX_AGE,
    )
