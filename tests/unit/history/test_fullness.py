"""How full history is said to be, is how full it is."""

from pathlib import Path

import orjson
import pytest

from forwarder.history.fullness import Fullness, fullness
from forwarder.spool import NewEvent, Settlement, open_spool
from forwarder.spool.sqlite import history_packing

NOW = 1_790_000_000_000


async def test_what_has_ended_counts_wherever_it_lies(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(history_packing, "FULL", 10)
    spool = await open_spool(tmp_path / "spool.db", max_events=1000, max_bytes=10**8)
    assert await spool.look(fullness) == Fullness(0, 0, None, 0)
    await spool.attach(["one"])
    assert await spool.look(fullness) == Fullness(0, 0, None, 0)
    sizes = [0]
    for number in range(1, 38):
        body = orjson.dumps({"event": "Seen", "userId": f"user-{number}", "n": number**9})
        sizes.append(len(body))
        await spool.append([NewEvent("shop", f"m{number}", body)], NOW + number)
    [(stored, rows)] = await spool.look(
        lambda database: database.execute(
            "SELECT sum(length(body) + length(hashes)), count(*) FROM history JOIN history_hash USING (first)"
        ).fetchall()
    )
    assert rows == 3
    assert await spool.look(fullness) == Fullness(0, stored, None, 0)
    for done in (1, 29, 30, 31, 36, 37):
        await spool.settle("one", Settlement(done), NOW)
        assert await spool.look(fullness) == Fullness(done, stored + sum(sizes[31 : done + 1]), NOW + 1, 0)
    await spool.close()


async def test_before_there_is_a_row_the_latest_count(tmp_path: Path) -> None:
    spool = await open_spool(tmp_path / "spool.db", max_events=1000, max_bytes=10**8)
    await spool.attach(["one"])
    await spool.append([NewEvent("shop", name, b"{}") for name in "abc"], NOW)
    assert await spool.look(fullness) == Fullness(0, 0, None, 0)
    await spool.settle("one", Settlement(2), NOW)
    assert await spool.look(fullness) == Fullness(2, 4, NOW, 0)
    await spool.close()
