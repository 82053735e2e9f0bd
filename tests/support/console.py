"""The console over a real spool in a file, in this process."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import orjson
from starlette.applications import Starlette

from forwarder.asgi import HANDLERS
from forwarder.config.settings import Settings
from forwarder.console import Shown, console_routes
from forwarder.delivery.dead_letters import described
from forwarder.http.auth import RequireOperatorToken, WrongTokens
from forwarder.spool import NewEvent, Spool
from tests.support.spools import NOW, at, opened

TOKEN = "t" * 16
HOSTILE = "\x1b]0;x\x07\x9b2J\u2028\u202e<b>"
"""Markup, terminal escapes, line ends and marks that turn the direction: what a page must show escaped."""


class Console:
    """A console that a test asks: its spool, and ``client``, which has the operator's token."""

    def __init__(self, spool: Spool, client: httpx.AsyncClient) -> None:
        self.spool, self.client = spool, client

    async def accept(self, *events: Mapping[str, Any], source: str = "web", at: int = NOW) -> None:
        """Have events accepted, as ingest would have written them."""
        new = [
            NewEvent(source, str(one["messageId"]), orjson.dumps({"userId": "user-1", **one}))
            for one in events
        ]
        assert all(await self.spool.append(new, at))

    async def page(self, path: str, status: int = 200) -> str:
        """Return a page of the console; ``path``: below its own."""
        answer = await self.client.get(f"/console{path}")
        assert answer.status_code == status, answer.text
        return answer.text

    async def send(self, path: str, fields: Mapping[str, str], status: int = 200) -> str:
        """Send one of its forms, and return the page that follows."""
        answer = await self.client.post(f"/console{path}", data=dict(fields), follow_redirects=True)
        assert answer.status_code == status, answer.text
        return answer.text


@asynccontextmanager
async def console(
    folder: Path, settings: Settings, clock: Callable[[], int] = lambda: NOW, **more: Any
) -> AsyncIterator[Console]:
    """Run a console. ``more``: values of ``Shown`` beside those that follow from the settings."""
    async with opened(at(folder / "spool.db"), 10_000, 10**8) as spool:
        names = [one.name for one in settings.destinations]
        await spool.attach(names)
        sources = [one.name for one in settings.sources]
        shown = Shown(spool, sources, names, described, clock, settings=settings)._replace(**more)
        wrong = WrongTokens(lambda: 0)
        routes = console_routes(
            lambda: shown, lambda app: RequireOperatorToken(app, lambda: TOKEN, wrong), lambda: TOKEN
        )
        app = Starlette(routes=list(routes), exception_handlers=HANDLERS)
        headers = {"authorization": "Basic " + b64encode(f"ada:{TOKEN}".encode()).decode()}
        async with httpx.AsyncClient(
            transport=httpx.ASGITransport(app), base_url="http://console.example", headers=headers
        ) as client:
            yield Console(spool, client)


def is_safe(page: str) -> bool:
    """Return whether nothing of ``HOSTILE`` stands in a page as it is."""
    return "<b>" not in page and all(line.replace("\t", "").isprintable() for line in page.split("\n"))
