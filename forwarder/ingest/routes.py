"""The routes that take events, as plain ASGI: a Request object would cost as much as taking the event."""

from collections.abc import Callable
from urllib.parse import parse_qs

import structlog
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from forwarder.http.client_address import address_of
from forwarder.http.cors import answer_headers, preflight_headers
from forwarder.http.metrics import count_refusal
from forwarder.http.responses import Header, Refusal, Response, error, refusal_response
from forwarder.http.slowing import SLOWED
from forwarder.ingest.body import too_large
from forwarder.ingest.request import IngestRequest
from forwarder.ingest.service import IngestService
from forwarder.ingest.validation import TYPES

log = structlog.get_logger()

KINDS: dict[str, str | None] = {
    **{name[0]: name for name in TYPES},
    **{name: name for name in TYPES},
    **dict.fromkeys(("b", "batch", "import")),
}
"""Last part of the path to the event type it carries; None: a batch."""
BASES = ("/v1", "/d", "/beacon/v1", "/api/s", "/api/s/s2s", "")
"""What the path begins with: Segment's, a neutral one, RudderStack's for beacons, Jitsu's; apps
that are given a proxy or a host without ``/v1`` send to the root."""
_ADDRESSES = frozenset(f"{base}/{kind}{end}" for base in BASES for kind in KINDS for end in ("", "/"))
_JSON = (b"content-type", b"application/json")
_CLOSE = (b"connection", b"close")
_DISCARDED = 20_000_000
"""Bytes of a refused body that are let pass: most senders read the answer only after they have sent all."""


class Ingest:
    """``POST /v1/{kind}``; the service in use may change between two requests."""

    def __init__(self, service: Callable[[], IngestService]) -> None:
        self._service = service

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        headers: dict[bytes, bytes] = dict(scope["headers"])
        origin = headers.get(b"origin", b"")
        service = self._service()
        kind = scope["path"].rstrip("/").rpartition("/")[2]
        method = scope["method"]
        if method == "OPTIONS":
            await _preflight(service, headers, origin, send)
            return
        rest: Receive | None = None
        if kind not in KINDS:
            answer = error(404, "not_found", "there is no such route; see /openapi.json")
        elif method != "POST":
            answer = error(405, "method_not_allowed", "send events with POST")
            answer = Response(answer.status, answer.body, ((b"allow", b"POST, OPTIONS"),))
        else:
            pieces = _Pieces(receive)
            try:
                body = await _read(headers, pieces, service.admission.largest(KINDS[kind]))
            except Refusal as refusal:
                answer, rest = recorded_refusal(refusal), None if pieces.ended else receive
            else:
                if body is None:
                    return
                answer = await respond(
                    service, _ingest_request(scope, headers, body, KINDS[kind], origin), scope
                )
        cors = answer_headers(origin if _readable(service, origin) else b"")
        await send_answer(send, answer, cors, rest=rest)


class Shortcut:
    """An application to which requests with events need not find their way through layers and routes.

    The slow path is the routes themselves, which lead to the same ``ingest``: 4.0 us a request, not 0.3, of
    110 that a single event takes (``tests/unit/ingest/test_route_answers.py``).
    """

    def __init__(self, app: ASGIApp, ingest: Ingest) -> None:
        self._app = app
        self._ingest = ingest

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Have one request answered."""
        if scope.get("path") in _ADDRESSES:
            await self._ingest(scope, receive, send)
        else:
            await self._app(scope, receive, send)


def _ingest_request(
    scope: Scope, headers: dict[bytes, bytes], body: bytes, kind: str | None, origin: bytes
) -> IngestRequest:
    key = headers.get(b"x-write-key", b"").partition(b":")[0].decode("latin-1")  # Jitsu's is key:secret
    if not key and scope["query_string"]:
        key = parse_qs(scope["query_string"].decode("latin-1")).get("writeKey", [""])[0]
    return IngestRequest(
        body=body,
        kind=kind,
        encoding=_encoding(scope, headers),
        authorization=headers.get(b"authorization", b""),
        write_key=key,
        origin=origin,
        address=address_of(scope),
    )


def _encoding(scope: Scope, headers: dict[bytes, bytes]) -> bytes:
    """Return all content encodings; they may stand in several headers."""
    last = headers.get(b"content-encoding", b"")
    if not last or len(headers) == len(scope["headers"]):
        return last
    return b",".join(value for name, value in scope["headers"] if name == b"content-encoding")


async def respond(service: IngestService, request: IngestRequest, scope: Scope) -> Response:
    """Return the service's answer, also where it refuses or fails."""
    try:
        return await service.take(request)
    except Refusal as refusal:
        if refusal.code == "too_many_failed_keys":
            await SLOWED.wait()
        return recorded_refusal(refusal)
    except Exception:
        log.exception("request failed")
        return error(500, "internal", "the forwarder failed; send again")


def recorded_refusal(refusal: Refusal) -> Response:
    """Return the answer that tells of a refusal, counted and logged."""
    count_refusal(refusal.code)
    log.info("request refused", code=refusal.code, status=refusal.status)
    return refusal_response(refusal)


def _readable(service: IngestService, origin: bytes) -> bool:
    return bool(origin) and service.admission.sources.allows(origin.decode("latin-1"))


async def _preflight(service: IngestService, headers: dict[bytes, bytes], origin: bytes, send: Send) -> None:
    asked = headers.get(b"access-control-request-headers", b"")
    cors = preflight_headers(origin if _readable(service, origin) else b"", asked, b"POST, OPTIONS")
    await send({"type": "http.response.start", "status": 204, "headers": list(cors)})
    await send({"type": "http.response.body", "body": b""})


class _Pieces:
    """A request's messages; ``ended`` says that the last one came, after which there is none to wait for."""

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self.ended = False

    async def __call__(self) -> Message:
        """Return the next message."""
        message = await self._receive()
        self.ended = not message.get("more_body")
        return message


async def _read(headers: dict[bytes, bytes], receive: Receive, largest: int) -> bytes | None:
    """Return the body; None where the sender is gone. Raises Refusal for more than ``largest`` bytes."""
    announced = headers.get(b"content-length", b"0")
    if not announced.isdigit() or int(announced[:20]) > largest:
        raise too_large(largest)
    parts: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        if size > largest:
            raise too_large(largest)
        if not message.get("more_body"):
            return b"".join(parts)  # of one piece: that piece, not a copy


async def send_answer(
    send: Send,
    answer: Response,
    more: tuple[Header, ...],
    kind: Header = _JSON,
    rest: Receive | None = None,
) -> None:
    """Send the answer with ``more`` headers; with ``rest``, let what is left of the request pass."""
    length = (b"content-length", b"%d" % len(answer.body))
    headers = [kind, length, *answer.headers, *more]
    if rest is not None:
        headers.append(_CLOSE)
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    if rest is not None:
        await send({"type": "http.response.body", "body": answer.body, "more_body": True})
        await _discard(rest)
        await send({"type": "http.response.body", "body": b""})
    else:
        await send({"type": "http.response.body", "body": answer.body})


async def _discard(receive: Receive) -> None:
    """Return when the request has ended, its sender has gone, or it was too much."""
    size = 0
    while size < _DISCARDED:
        message = await receive()
        size += len(message.get("body", b""))
        if not message.get("more_body"):
            return
