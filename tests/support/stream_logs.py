"""A log over a stream in memory, and messages of other writers in it."""

from __future__ import annotations

from typing import Any, cast

from forwarder.spool.jetstream.log import Log
from forwarder.spool.jetstream.message import Message, encode
from forwarder.spool.jetstream.reading import Record
from tests.support.fake_stream import FakeConnection, FakeStream


class One:
    """A log over a stream of its own."""

    def __init__(self, stream: FakeStream | None = None) -> None:
        self.connection = FakeConnection(stream)
        self.stream: FakeStream = self.connection.jetstream
        self.log = Log(cast(Any, self.connection), 3)

    async def records(self) -> list[Record]:
        return [one async for one in self.log.records(await self.log.state())]


def written(data: bytes = b"x", writer: str = "other", base: int = 0, **more: int) -> bytes:
    record, part, parts = more.get("record", 0), more.get("part", 0), more.get("parts", 1)
    return encode(Message(writer, record, part, parts, base, data))
