"""Making events and posting them over plain sockets, so that the sender costs little."""

import asyncio
import itertools
import json
import time
from collections.abc import Iterator

USERS = 20_000
_numbers = itertools.count(1)


def event(sent_at: int | None = None) -> dict[str, object]:
    """Return one Analytics.js track event of about 1 KB with an id of its own."""
    number = next(_numbers)
    user = number * 7919 % USERS
    properties: dict[str, object] = {
        "product_id": f"sku-{number % 997}",
        "name": "A rather ordinary product name",
        "price": 12.5 + number % 50,
        "quantity": 1 + number % 3,
        "category": "books/novels",
        "position": number % 24,
        "currency": "EUR",
        "coupon": "SUMMER",
    }
    if sent_at is not None:
        properties["sentAt"] = sent_at
    return {
        "type": "track",
        "event": "Product Viewed",
        "messageId": f"ajs-next-1790000000000-{number:032x}",
        "anonymousId": f"anonymous-{user:08}-4c1e-9a5e-aa10e0b0e000",
        "userId": f"user-{user:06}",
        "timestamp": "2026-09-21T14:13:20.123Z",
        "sentAt": "2026-09-21T14:13:20.456Z",
        "properties": properties,
        "integrations": {"Actions Amplitude": {"session_id": 1_790_000_000_000 + user}},
        "context": {
            "page": {
                "path": "/shop/product",
                "referrer": "",
                "search": "?ref=home",
                "title": "A product",
                "url": "https://shop.example.com/shop/product?ref=home",
            },
            "userAgent": AGENTS[number % len(AGENTS)],
            "locale": "de-DE",
            "timezone": "Europe/Berlin",
            "library": {"name": "analytics.js", "version": "npm:next-1.82.0"},
            "campaign": {"source": "newsletter", "medium": "email", "name": "autumn"},
        },
    }


AGENTS = [
    f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/{n}.0.0.0"
    for n in range(120, 128)
]


def single(sent_at: int | None = None) -> bytes:
    """Return a request's body with one event."""
    return json.dumps(event(sent_at), separators=(",", ":")).encode()


def batch(events: int, sent_at: int | None = None) -> bytes:
    """Return a request's body with so many events."""
    return json.dumps({"batch": [event(sent_at) for _ in range(events)]}, separators=(",", ":")).encode()


def request(path: str, body: bytes) -> bytes:
    """Return a whole HTTP request; ``ZGVtbzo=`` is the write key ``demo``."""
    head = (
        f"POST {path} HTTP/1.1\r\nhost: localhost\r\nauthorization: Basic ZGVtbzo=\r\n"
        f"content-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


async def _answer(reader: asyncio.StreamReader) -> int:
    head = await reader.readuntil(b"\r\n\r\n")
    status = int(head[9:12])
    length = 0
    for line in head.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            length = int(value)
    await reader.readexactly(length)
    return status


async def post_all(port: int, requests: Iterator[bytes], connections: int) -> int:
    """Post all requests over so many connections, again after 429; return how often that was needed."""
    refused = 0

    async def connection() -> None:
        nonlocal refused
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for one in requests:
            while True:
                writer.write(one)
                status = await _answer(reader)
                if status == 200:
                    break
                assert status == 429, f"answered {status}"
                refused += 1
                await asyncio.sleep(0.1)
        writer.close()
        await writer.wait_closed()

    await asyncio.gather(*(connection() for _ in range(connections)))
    return refused


async def post_paced(port: int, events_per_second: int, seconds: int, connections: int = 16) -> None:
    """Post single events evenly in time, each with when it was sent."""
    queue: asyncio.Queue[bytes | None] = asyncio.Queue()

    async def connection() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        while (body := await queue.get()) is not None:
            writer.write(request("/v1/track", body))
            assert await _answer(reader) == 200
        writer.close()
        await writer.wait_closed()

    tasks = [asyncio.create_task(connection()) for _ in range(connections)]
    began = time.monotonic()
    for number in range(events_per_second * seconds):
        wait = began + number / events_per_second - time.monotonic()
        if wait > 0.001:
            await asyncio.sleep(wait)
        queue.put_nowait(single(time.time_ns() // 1_000_000))
    for _ in tasks:
        queue.put_nowait(None)
    await asyncio.gather(*tasks)
