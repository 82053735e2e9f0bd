"""A spool that writes into a stream in memory, and copies of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

from forwarder.errors import SpoolError
from forwarder.spool.jetstream.log import Log
from forwarder.spool.jetstream.replica import Replica
from forwarder.spool.jetstream.replication import Contents, StreamReplicator
from forwarder.spool.sqlite.spool import SqliteSpool
from tests.support.fake_stream import FakeConnection, FakeStream
from tests.support.streams import everything


class Writing:
    """A spool that writes into a stream in memory."""

    def __init__(
        self, folder: Path, stream: FakeStream | None = None, contents: Contents | None = None
    ) -> None:
        folder.mkdir(exist_ok=True)
        self.connection = FakeConnection(stream)
        self.stream: FakeStream = self.connection.jetstream
        self.log = Log(cast(Any, self.connection))
        self.lost: list[SpoolError] = []
        self.contents = contents or Contents()
        self.replicator = StreamReplicator(self.log, self.contents, self.lost.append)
        self.spool = SqliteSpool(
            folder / "copy.db", max_events=1000, max_bytes=10**6, replicator=self.replicator
        )


async def copied(stream: FakeStream, path: Path) -> tuple[Replica, Log]:
    """Return a copy of what the stream holds."""
    log = Log(cast(Any, FakeConnection(stream)))
    began = await log.begin()
    copy = Replica(path, log)
    await copy.catch_up(began)
    copy.finish()
    return copy, log


async def seen(path: Path) -> object:
    spool = SqliteSpool(path, max_events=1, max_bytes=1, tool=True)
    try:
        return await everything(spool)
    finally:
        await spool.close()
