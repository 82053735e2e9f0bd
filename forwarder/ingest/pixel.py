"""Events from picture addresses: for mails and for pages without scripts."""

from base64 import b64decode, urlsafe_b64decode
from collections.abc import Callable
from urllib.parse import parse_qs

from starlette.types import Receive, Scope, Send

from forwarder.http.client_address import address_of
from forwarder.http.responses import Response, error
from forwarder.ingest.request import IngestRequest
from forwarder.ingest.routes import KINDS, respond, send_answer
from forwarder.ingest.service import IngestService

_GIF = b64decode("R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7")
_PICTURE = (b"content-type", b"image/gif")
_FOR_EVERYONE = ((b"cache-control", b"no-store"), (b"cross-origin-resource-policy", b"cross-origin"))


class Pixel:
    """``GET /v1/pixel/{kind}?data=<base64 of one event>``; block lists do not know ``/p/i/t?data=``."""

    def __init__(self, service: Callable[[], IngestService]) -> None:
        self._service = service

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Take the event; the answer is a transparent picture whatever it holds, as the reference does."""
        kind = KINDS.get(scope["path"].rstrip("/").rpartition("/")[2])
        if kind is None:
            await send_answer(send, error(404, "not_found", "there is no such route; see /openapi.json"), ())
        elif scope["method"] not in ("GET", "HEAD"):
            refusal = error(405, "method_not_allowed", "this route takes GET")
            await send_answer(send, refusal, ((b"allow", b"GET, HEAD"),))
        else:
            status = await self._take(scope, kind) if scope["method"] == "GET" else 200
            await send_answer(send, Response(status, _GIF), _FOR_EVERYONE, _PICTURE)

    async def _take(self, scope: Scope, kind: str) -> int:
        """Take the event in the address; return the status that the picture is answered with."""
        data = parse_qs(scope["query_string"].decode("latin-1")).get("data", [""])[0]
        padded = data.replace("+", "-").replace("/", "_").replace(" ", "-").rstrip("=")
        try:
            body = urlsafe_b64decode(padded + "=" * (-len(padded) % 4))
        except ValueError:
            body = b""
        answer = await respond(
            self._service(), IngestRequest(body=body, kind=kind, address=address_of(scope)), scope
        )
        return answer.status if answer.status == 429 or answer.status >= 500 else 200
