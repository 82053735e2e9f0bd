"""The routes that take events, as plain ASGI: a Request object would cost as much as taking the event."""

from base64 import b64decode, urlsafe_b64decode
from collections.abc import Callable
from urllib.parse import parse_qs

import structlog
from starlette.types import Receive, Scope, Send

from forwarder.tracking.answers import Answer, Header, Refusal, error, refused
from forwarder.tracking.cors import answer_headers, preflight_headers
from forwarder.tracking.counted import count_refusal
from forwarder.tracking.door import Delivered, Door

log = structlog.get_logger()

KINDS: dict[str, str | None] = {
    **{name[0]: name for name in ("track", "page", "identify", "group", "alias", "screen")},
    **{name: name for name in ("track", "page", "identify", "group", "alias", "screen")},
    **dict.fromkeys(("b", "batch", "import")),
}
"""Last part of the path to the event type it carries; None: a batch."""
_JSON = (b"content-type", b"application/json")
_CLOSE = (b"connection", b"close")
_GIF = b64decode("R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7")


class Ingest:
    """``POST /v1/{kind}``; the door in use may change between two requests."""

    def __init__(self, door: Callable[[], Door]) -> None:
        self._door = door

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        headers: dict[bytes, bytes] = dict(scope["headers"])
        origin = headers.get(b"origin", b"")
        door = self._door()
        kind = scope["path"].rstrip("/").rpartition("/")[2]
        method = scope["method"]
        if method == "OPTIONS":
            await _preflight(door, headers, origin, send)
            return
        if kind not in KINDS:
            answer = error(404, "not_found", "there is no such route; see /openapi.json")
        elif method != "POST":
            answer = error(405, "method_not_allowed", "send events with POST")
            answer = Answer(answer.status, answer.body, ((b"allow", b"POST, OPTIONS"),))
        else:
            body = await _read(headers, receive, door.limits.batch_bytes)
            if body is None:
                return
            if isinstance(body, Answer):
                answer = body
            else:
                client = scope.get("client")
                answer = await _taken(
                    door,
                    Delivered(
                        body=body,
                        kind=KINDS[kind],
                        encoding=headers.get(b"content-encoding", b""),
                        authorization=headers.get(b"authorization", b""),
                        origin=origin,
                        address=client[0] if client else "",
                    ),
                )
        await _send(send, answer, answer_headers(origin if _readable(door, origin) else b""))


class Pixel:
    """``GET /v1/pixel/{kind}?data=<base64 of one event>``: for mails and pages without scripts."""

    def __init__(self, door: Callable[[], Door]) -> None:
        self._door = door

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Take the event; the answer is a transparent picture in any case, as the reference does."""
        door = self._door()
        kind = KINDS.get(scope["path"].rstrip("/").rpartition("/")[2])
        data = parse_qs(scope["query_string"].decode("latin-1")).get("data", [""])[0]
        client = scope.get("client")
        status = 404
        if kind and scope["method"] in ("GET", "HEAD"):
            status = 200
            padded = data.replace("+", "-").replace("/", "_").replace(" ", "-").rstrip("=")
            try:
                body = urlsafe_b64decode(padded + "=" * (-len(padded) % 4))
            except ValueError:
                body = b""
            answer = await _taken(door, Delivered(body=body, kind=kind, address=client[0] if client else ""))
            if answer.status == 429 or answer.status >= 500:
                status = answer.status
        picture = Answer(status, _GIF, ((b"cache-control", b"no-store"),))
        await _send(send, picture, (), (b"content-type", b"image/gif"))


async def _taken(door: Door, request: Delivered) -> Answer:
    """Return the door's answer, also where it refuses or fails."""
    try:
        return await door.take(request)
    except Refusal as refusal:
        count_refusal(refusal.code)
        log.info("request refused", code=refusal.code, status=refusal.status, address=request.address)
        return refused(refusal)
    except Exception:
        log.exception("request failed")
        return error(500, "internal", "the forwarder failed; send again")


def _readable(door: Door, origin: bytes) -> bool:
    return bool(origin) and door.sources.allows(origin.decode("latin-1"))


async def _preflight(door: Door, headers: dict[bytes, bytes], origin: bytes, send: Send) -> None:
    asked = headers.get(b"access-control-request-headers", b"")[:1_024]
    cors = preflight_headers(origin if _readable(door, origin) else b"", asked, b"POST, OPTIONS")
    await send({"type": "http.response.start", "status": 204, "headers": list(cors)})
    await send({"type": "http.response.body", "body": b""})


async def _read(headers: dict[bytes, bytes], receive: Receive, largest: int) -> bytes | Answer | None:
    """Return the body; the refusal of a body larger than ``largest`` bytes; None where the sender is gone."""
    too_large = Answer(
        400,
        error(400, "body_too_large", f"the body is larger than {largest} bytes; send smaller batches").body,
        (_CLOSE,),
    )
    announced = headers.get(b"content-length", b"0")
    if not announced.isdigit() or int(announced[:20]) > largest:
        return too_large
    message = await receive()
    if message["type"] == "http.disconnect":
        return None
    body: bytes = message.get("body", b"")
    if not message.get("more_body"):
        return body if len(body) <= largest else too_large
    parts, size = [body], len(body)
    while message.get("more_body"):
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        if size > largest:
            return too_large
    return b"".join(parts)


async def _send(send: Send, answer: Answer, cors: tuple[Header, ...], kind: Header = _JSON) -> None:
    length = (b"content-length", b"%d" % len(answer.body))
    headers = [kind, length, *answer.headers, *cors]
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": answer.body})
