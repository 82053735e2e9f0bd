"""Faults inside the spool, by seed: what was accepted stays, each change is all or nothing, none waits.

``FAULT_SEED=N`` plays one seed alone.
"""

from __future__ import annotations

import asyncio
import os
import random
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from forwarder.spool.jetstream import connection, log, replication
from forwarder.spool.jetstream import spool as stream_spool
from forwarder.spool.sqlite import checkpointer, disk, file, history_packing
from forwarder.spool.sqlite.schema import open_giving_room
from tests.support.simulation.spool_faults import SpoolInjector, targets
from tests.support.simulation.storm import InFile, InStream, Storm

BLOCKS, SEEDS = 2, 8
"""Seeds of one block: each goes after its own share of the functions."""


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Have nothing wait for a disk or for servers, and few events fill a row of history."""

    def opened(path: Path, *, tool: bool, durable: bool) -> Any:
        return open_giving_room(path, tool=tool, durable=False)

    monkeypatch.setattr(file, "open_giving_room", opened)
    monkeypatch.setattr(history_packing, "FULL", 5)
    monkeypatch.setattr(disk, "RESERVE", 4096)
    monkeypatch.setattr(checkpointer, "ROUND_BYTES", 200_000)
    monkeypatch.setattr(log, "_AGAIN_S", 0.001)
    monkeypatch.setattr(stream_spool, "_LOOK_S", 0.005)
    monkeypatch.setattr(replication, "SNAPSHOT_BYTES", 3_000)
    monkeypatch.setattr(replication, "_TRIM_EVERY", 3)
    assert connection.AGAIN_S > 0
    return monkeypatch


def played(place: InFile | InStream, folder: Path, seed: int, patch: pytest.MonkeyPatch) -> Counter[str]:
    """Play one storm; return what was reached, and how often which function raised."""
    chance = random.Random(seed)
    found = targets(place.owners)
    share = [name for name, _, _ in found][seed % (BLOCKS * SEEDS // 2) :: BLOCKS * SEEDS // 2]
    faults = SpoolInjector(
        seed, chance.choice([0.0003, 0.001, 0.003]), dict.fromkeys(share, chance.choice([0.1, 0.3]))
    )
    with patch.context() as patched, capture_logs():
        faults.wrap(patched, found)

        async def run() -> Counter[str]:
            storm = Storm(place, folder / "twin.db", chance, faults)
            await storm.play()
            return storm.steps

        return asyncio.run(run()) + faults.by_name


@pytest.mark.parametrize("place", [InFile, InStream])
@pytest.mark.parametrize("block", range(BLOCKS))
def test_faults_inside_the_spool_lose_nothing(
    block: int, place: type[InFile | InStream], tmp_path: Path, quick: pytest.MonkeyPatch
) -> None:
    chosen = os.environ.get("FAULT_SEED")
    seeds = [int(chosen)] if chosen else range(block * SEEDS, (block + 1) * SEEDS)
    reached: Counter[str] = Counter()
    for seed in seeds:
        folder = tmp_path / str(seed)
        folder.mkdir()
        try:
            reached += played(place(folder), folder, seed, quick)
        except BaseException as error:
            error.add_note(f"play it again with FAULT_SEED={seed}")
            raise
    print(dict(sorted(reached.items())))
    if not chosen:
        assert reached["lost"] > 2
        assert reached["refused"] > 5
        assert reached["settle failed"] > 5
