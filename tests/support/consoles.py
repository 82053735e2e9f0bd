"""The console in this process, over a real spool: its client is signed in as a browser is."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import orjson
from starlette.applications import Starlette

from forwarder.asgi import HANDLERS
from forwarder.config.settings import Settings
from forwarder.console import Shown, console_routes
from forwarder.delivery.dead_letters import described
from forwarder.http.auth import RequireOperatorToken, WrongTokens
from forwarder.spool import NewEvent, Settlement, Spool, open_spool
from forwarder.spool.history import Ended, SentBatch, TurnedAway

TOKEN = "an-operators-token"
NOW = 1_790_000_000_000
SESSION = NOW - 600_000
HOSTILE = "\x1b]0;x\x07\x9b2J\u2028\u202e</td><b>&\"'"
"""Markup, terminal escapes, line ends and marks that turn the direction."""
SETTINGS = Settings.model_validate(
    {
        "server": {"operator_token": TOKEN},
        "sources": [{"name": "shop", "write_key": "shop-key"}],
        "destinations": [
            {"name": "amplitude", "settings": {"apiKey": "the-api-key", "secretKey": "the-secret-key"}}
        ],
    }
)


def made(number: int, name: str = "Seen", **fields: object) -> NewEvent:
    """Return an event of user ``u{number % 2}`` as it is kept."""
    body = {
        "type": "track",
        "event": name,
        "messageId": f"m{number}",
        "userId": f"u{number % 2}",
        "anonymousId": "d1",
        "timestamp": "2026-09-21T14:13:20.000Z",
        "originalTimestamp": "2026-09-21T14:13:16.800Z",
        "sentAt": "2026-09-21T14:13:16.800Z",
        "receivedAt": "2026-09-21T14:13:20.000Z",
        "clockOffset": 3200,
        "integrations": {"Actions Amplitude": {"session_id": SESSION}},
        "context": {"library": {"name": "analytics.js", "version": "2.1"}},
        **fields,
    }
    return NewEvent("shop", str(body["messageId"]), orjson.dumps(body))


async def fill(spool: Spool) -> None:
    """Append events 1 to 8: 1 delivered, 2 dead, 3 filtered, 4 hostile and delivered, the others wait.

    One was rejected and one came twice.
    """
    await spool.attach(["amplitude"])
    hostile = {"messageId": HOSTILE, "userId": HOSTILE, "anonymousId": HOSTILE, "sessionReason": HOSTILE}
    events = [
        made(1),
        made(2, "Died"),
        made(3, "Left out"),
        made(4, HOSTILE, **hostile, context={"library": {"name": HOSTILE}, "userAgent": HOSTILE}),
    ]
    for number, event in enumerate([*events, *(made(number) for number in range(5, 9))], 1):
        await spool.append([event], NOW + number * 1000)
    spool.turn_away(
        [
            TurnedAway(
                NOW + 500, "shop", "bad", "rejected", "no_event_name", b'{"type": "track", "userId": "u1"}'
            ),
            TurnedAway(NOW + 501, "shop", HOSTILE, "rejected", HOSTILE, f'{{"event": "{HOSTILE}'.encode()),
        ]
    )
    await spool.append([made(1)], NOW + 8_500)
    tried = SentBatch("/2/httpapi", NOW + 1_010, NOW + 1_030, 0, "broken", b"ReadTimeout", 1, [(1, 1)])
    answer = f'{{"code":200, "said": "{HOSTILE}"}}'.encode()
    sent = SentBatch("/2/httpapi", NOW + 1_040, NOW + 1_080, 200, "", answer, 1, [(1, 1), (4, 4)])
    refused = SentBatch("/2/httpapi", NOW + 2_040, NOW + 2_080, 400, "", b'{"code":400}', 1, [(2, 2)])
    ends = [
        Ended("delivered", "", 1, 1),
        Ended("filtered", "no trigger matched", 3, 3),
        Ended("delivered", "", 4, 4),
    ]
    await spool.settle("amplitude", Settlement(1, ends=ends, sent=[tried, sent]), NOW + 1_084)
    dead = [Ended("dead", HOSTILE, 2, 2)]
    await spool.settle("amplitude", Settlement(4, ends=dead, sent=[refused]), NOW + 2_100)


@asynccontextmanager
async def filled(folder: Path) -> AsyncIterator[Spool]:
    """Open a spool with the events of ``fill``."""
    spool = await open_spool(folder / "spool.db", max_events=10_000, max_bytes=10**8)
    try:
        await fill(spool)
        yield spool
    finally:
        await spool.close()


@asynccontextmanager
async def console(spool: Spool, settings: Settings = SETTINGS) -> AsyncIterator[httpx.AsyncClient]:
    """Give a browser that is signed in to the console over a spool."""
    names = [one.name for one in settings.destinations]
    shown = Shown(spool, ["shop"], names, described, lambda: NOW + 60_000, settings=settings)
    wrong = WrongTokens(lambda: 0)
    routes = console_routes(
        lambda: shown, lambda app: RequireOperatorToken(app, lambda: TOKEN, wrong), lambda: TOKEN
    )
    transport = httpx.ASGITransport(Starlette(routes=list(routes), exception_handlers=HANDLERS))
    headers = {"accept": "text/html", "sec-fetch-site": "same-origin"}
    async with httpx.AsyncClient(
        transport=transport, base_url="http://console.example", headers=headers
    ) as client:
        await client.post("/console/sign-in", data={"token": TOKEN})
        yield client
