"""Making events and posting them over plain sockets, so that the sender costs little."""

import asyncio
import time
from collections.abc import Iterator
from typing import Any

import orjson

from tests.bench import visitors

_visits = visitors.visits()


def event(sent_at: int | None = None) -> dict[str, Any]:
    """Return an event that was not there before; ``sent_at``, in ms since the epoch, arrives with it."""
    made = next(_visits)
    if sent_at is not None:
        made["traits" if made["type"] == "identify" else "properties"]["sentAt"] = sent_at
    return made


def single(sent_at: int | None = None) -> bytes:
    """Return a request with one event, to the route of its kind."""
    made = event(sent_at)
    return request(f"/v1/{made['type']}", orjson.dumps(made))


def batch(events: int) -> bytes:
    """Return a request with so many events."""
    return request("/v1/batch", orjson.dumps({"batch": [event() for _ in range(events)]}))


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
        while (one := await queue.get()) is not None:
            writer.write(one)
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
