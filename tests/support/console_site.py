"""A forwarder with a console on a socket of this process, and events whose fates are the usual ones."""

from __future__ import annotations

import asyncio
import math
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import uvicorn

from forwarder import metrics
from forwarder.app import Forwarder, now_ms
from forwarder.asgi import create_app
from forwarder.config.load import parse_settings
from forwarder.console.timeline import MINUTE_MS, Sample
from tests.support import patient
from tests.support.amplitude import Amplitude
from tests.support.configuration import TOKEN
from tests.support.waiting import eventually

SHOP: Final = "shop"
NAMES: Final = ("Product Viewed", "Product Added", "Cart Viewed", "Checkout Started", "Signed Up")
PEOPLE: Final = ("ada", "grace", "edsger", "barbara", "donald", "frances", "ken", "radia")


class ConsoleSite:
    """The site: ``url`` of the forwarder; ``forwarder``: it itself, in a loop of its own."""

    def __init__(self, url: str, forwarder: Forwarder) -> None:
        self.url, self.forwarder = url, forwarder

    def send(self, *events: dict[str, Any], key: str = "shop-key") -> None:
        """Send events in one batch."""
        now = time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime())
        batch = [{"timestamp": now, **one} for one in events]
        answer = patient.post(f"{self.url}/v1/batch", json={"writeKey": key, "sentAt": now, "batch": batch})
        answer.raise_for_status()

    def text(self, path: str) -> str:
        """Return a page of the console, as a program reads it."""
        answer = patient.get(f"{self.url}/console{path}", auth=("anyone", TOKEN))
        return answer.raise_for_status().text

    def sign_in_link(self) -> str:
        """Return an address that signs a browser in, once."""
        answer = patient.post(f"{self.url}/console/sign-in-links", auth=("anyone", TOKEN))
        return self.url + str(answer.raise_for_status().json()["link"])


@contextmanager
def console_site(folder: Path, amplitude: Amplitude, *, with_a_day: bool = False) -> Iterator[ConsoleSite]:
    """Run the site. Destination ``europe`` cannot be reached, so that its events wait.

    ``with_a_day``: the charts have a day to show, as if events had come in waves until now.
    """
    settings = parse_settings(
        {
            "server": {"operator_token": TOKEN},
            "spool": {"path": str(folder / "spool.db")},
            "limits": {"requests_per_second": 100_000},
            "sources": [{"name": "shop", "write_key": "shop-key"}, {"name": "app", "write_key": "app-key"}],
            "destinations": [
                {
                    "name": "production",
                    "base_url": amplitude.url,
                    "linger_ms": 10,
                    "settings": {"apiKey": "an-api-key-of-production", "secretKey": "s"},
                },
                {
                    "name": "europe",
                    "base_url": "http://127.0.0.1:9",  # the discard port, where nobody listens
                    "sources": ["app"],
                    "settings": {"apiKey": "an-api-key-of-europe", "secretKey": "s"},
                    "subscriptions": [
                        {"preset": "Track Calls", "mapping": {"app_version": "2.1", "price": None}},
                        {"preset": "Page Calls", "enabled": False},
                    ],
                },
            ],
        },
        {},
        folder,
    )
    forwarder = Forwarder(settings, now_ms)
    if with_a_day:
        _remember_a_day(forwarder)
    server = uvicorn.Server(uvicorn.Config(create_app(forwarder), port=0, lifespan="off", log_config=None))
    thread = threading.Thread(target=lambda: asyncio.run(_serve(forwarder, server)), daemon=True)
    thread.start()
    try:
        assert eventually(lambda: server.started)
        host, port = server.servers[0].sockets[0].getsockname()[:2]
        yield ConsoleSite(f"http://{host}:{port}", forwarder)
    finally:
        server.should_exit = True
        thread.join(60)


async def _serve(forwarder: Forwarder, server: uvicorn.Server) -> None:
    await forwarder.start()
    try:
        await server.serve()
    finally:
        await forwarder.stop(1.0)


def tell(site: ConsoleSite) -> None:
    """Send events of each fate, and wait until they are known."""
    agent = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
    begin = now_ms() // 1000 * 1000 - 600_000
    delivered = [
        {
            "type": "track",
            "event": NAMES[number % len(NAMES)],
            "messageId": f"ok-{number}",
            "userId": f"{PEOPLE[number % len(PEOPLE)]}-17",
            "anonymousId": f"device-{number % len(PEOPLE)}",
            "properties": {"product_id": f"sku-{number % 7}", "price": 5 + number % 9, "currency": "EUR"},
            "context": {"userAgent": agent, "page": {"path": "/products", "title": "Products"}},
            "integrations": {"Actions Amplitude": {"session_id": begin + number % len(PEOPLE)}},
        }
        for number in range(64)
    ]
    site.send(*delivered)
    track = {"type": "track", "event": "Order Sent", "anonymousId": "device-1"}
    site.send(
        {"type": "alias", "userId": "ada-17", "previousId": "device-0", "messageId": "no-trigger"},
        {"type": "track", "event": "", "userId": "grace-17", "messageId": "no-name"},
        {**track, "userId": "ken-17", "messageId": "switched-off", "integrations": {"All": False}},
        {"type": "track", "event": "Order Sent", "userId": "ab", "messageId": "refused"},
        {"type": "track", "event": "Refund Sent", "userId": "cd", "messageId": "refused-2"},
        {**delivered[1], "messageId": "ok-1"},
    )
    site.send({**track, "userId": "radia-17", "messageId": "waiting"}, key="app-key")
    assert eventually(
        lambda: "2 letters" in site.text("/dead") and "ECONNREFUSED" in site.text("/destinations")
    )


def _remember_a_day(forwarder: Forwarder) -> None:
    classes = len(metrics.LATENCY.bounds) + 1
    timeline, now = forwarder.memory.timeline, now_ms()
    minutes = 24 * 60

    def before(minute: int) -> Sample:
        """Return the counts of a minute: below zero, for what counts from now on begins with nothing."""
        left = minutes - minute
        events = -int(left * 30 + 900 * (1 - math.cos(left / 60)))
        outage = 20 <= left <= 26
        latency = [0] * classes
        latency[2], latency[3], latency[7] = -left * 3, -left, -left // (2 if outage else 9)
        answers = {"200": -left * 4, "429": -max(0, left - 40) // 9, "503": -min(left, 20) * 2}
        dead = -left // 45
        waiting = 240 if outage else int(12 + 10 * math.sin(left / 3))
        return Sample(events, events - dead, 0, dead, waiting, tuple(latency), answers)

    for minute in range(minutes - 1):  # the forwarder's own first sample ends the last one
        timeline.note(now - (minutes - minute) * MINUTE_MS, {"production": before(minute)})
