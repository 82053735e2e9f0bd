"""How full history is said to be, is how full it is."""

from pathlib import Path

import orjson
import pytest

from forwarder.history.fullness import Fullness, fullness
from forwarder.spool import NewEvent, Settlement, open_spool
from forwarder.spool.sqlite import history_packing

NOW = 1_790_000_000_000


async def test_rows_that_are_written_again_count_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(history_packing, "FULL", 10)
    spool = await open_spool(tmp_path / "spool.db", max_events=1000, max_bytes=10**8)
    await spool.attach(["one"])
    assert await spool.look(fullness) == Fullness(0, 0, None, 0)
    for number in range(1, 61):
        body = orjson.dumps({"event": "Seen", "userId": f"user-{number}", "n": number**9})
        await spool.append([NewEvent("shop", f"m{number}", body)], NOW + number)
        await spool.settle("one", Settlement(number), NOW + number)
    kept = await spool.look(fullness)
    [(stored, rows)] = await spool.look(
        lambda database: database.execute(
            "SELECT sum(length(body) + length(hashes)), count(*) FROM history JOIN history_hash USING (first)"
        ).fetchall()
    )
    assert (kept.events, kept.bytes, kept.oldest_at) == (60, stored, NOW + 1)
    assert rows == 6, "a row is written again until it is full"
    await spool.close()
