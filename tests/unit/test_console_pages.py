"""The console shows nothing invisible, whatever senders put into events."""

from collections.abc import Sequence
from typing import cast

import httpx
from starlette.applications import Starlette

from forwarder.console import Shown, console_routes
from forwarder.delivery.dead_letters import described
from forwarder.http.auth import RequireOperatorToken
from forwarder.spool import DeadLetter, Spool, StoredEvent

TOKEN = "t" * 16
HOSTILE = "\x1b]0;x\x07\x9b2J\u2028\u202e<b>"


class _Spool:
    async def dead(
        self, destination: str | None = None, after: int = 0, limit: int = 1, number: int | None = None
    ) -> Sequence[DeadLetter]:
        event = StoredEvent(1, 0, "demo", HOSTILE, b'{"event": "\\u202e"}')
        return [DeadLetter(1, "d", 0, event, HOSTILE, b"{}", b"")]


async def test_dead_letters_are_shown_safely() -> None:
    shown = Shown(cast("Spool", _Spool()), ["demo"], ["d"], described, lambda: 0)
    app = Starlette(
        routes=list(console_routes(lambda: shown, lambda app: RequireOperatorToken(app, lambda: TOKEN)))
    )
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(
        transport=transport, base_url="http://test", headers={"authorization": f"Bearer {TOKEN}"}
    ) as client:
        for path in ("/console/dead", "/console/dead/1"):
            text = (await client.get(path)).text
            assert all(line.replace("\t", "").isprintable() for line in text.split("\n")), path
            assert "\\u202e" in text
            assert "&lt;b&gt;" in text
