"""The path below which a proxy serves the forwarder."""

import httpx
import pytest
from starlette.types import Receive, Scope, Send

from forwarder.config.settings import Server
from forwarder.prefixes import BelowPrefix, prefix_of


async def _echo(scope: Scope, receive: Receive, send: Send) -> None:
    body = f"{scope['path']} {prefix_of(scope)}".encode()
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": body})


@pytest.mark.parametrize(
    ("path", "said", "trusted", "configured", "seen"),
    [
        ("/v1/t", "/seg", "127.0.0.1", "", "/v1/t /seg"),
        ("/seg/v1/t", "/seg/", "127.0.0.0/8", "", "/v1/t /seg"),
        ("/v1/t", "/seg", "10.0.0.0/8", "", "/v1/t "),
        ("/seg/v1/t", None, "", "/seg", "/v1/t /seg"),
        ("/v1/t", None, "", "/seg", "/v1/t /seg"),
        ("/segment/v1/t", None, "", "/seg", "/segment/v1/t /seg"),
        ("/v1/t", "/other", "127.0.0.1", "/seg", "/v1/t /other"),
        *(
            ("/v1/t", bad, "127.0.0.1", "", "/v1/t ")
            for bad in ("//evil.example", "seg", "/a b", "/../x", "/")
        ),
    ],
)
async def test_prefixes(path: str, said: str | None, trusted: str, configured: str, seen: str) -> None:
    app = BelowPrefix(_echo, [trusted] if trusted else [], lambda: configured)
    transport = httpx.ASGITransport(app, client=("127.0.0.1", 1))
    async with httpx.AsyncClient(transport=transport, base_url="http://inside") as client:
        answer = await client.get(path, headers={"x-forwarded-prefix": said} if said else {})
    assert answer.text == seen


def test_the_public_address_may_have_a_path() -> None:
    assert Server(public_url="https://shop.example.com/seg/").path_prefix == "/seg"
    assert Server(public_url="https://events.example.com/").path_prefix == ""
    for bad in ("https://a.example/x y", "https://a.example?x", "https://a.example//x", "a.example/x"):
        with pytest.raises(ValueError, match="must be like"):
            Server(public_url=bad)
