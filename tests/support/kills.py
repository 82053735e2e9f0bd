"""Killing forwarders under load, and checking every event afterwards."""

import contextlib
import random
import signal
import sqlite3
import time
from collections.abc import Sequence
from pathlib import Path

from forwarder.spool.sqlite import history_rows, stored_events
from tests.support.amplitude import Amplitude
from tests.support.configuration import write_config
from tests.support.forwarder import Running
from tests.support.nats import Nats
from tests.support.operator import all_ended, dead_names, fates
from tests.support.processes import free_port
from tests.support.sender import Arrived, Sender, sending, tally
from tests.support.spools import somewhere
from tests.support.waiting import eventually


def machine(
    folder: Path, name: str, stream: str, fake: Amplitude, port: int = 0, timeout_seconds: float = 20
) -> Path:
    """Return the configuration of a machine of its own, which has the stream in common with others."""
    own = folder / name
    own.mkdir()
    config = write_config(own, fake.url, port=port or free_port(), timeout_seconds=timeout_seconds)
    config.write_text(config.read_text().replace(f"{own}/spool.db", stream))
    return config


def two_machines(folder: Path, server: Nats, fake: Amplitude) -> list[Path]:
    """Return the configurations of two machines behind one address."""
    stream, port = somewhere(server, folder).place, free_port()
    return [machine(folder, name, stream, fake, port) for name in ("one", "two")]


def kill_under_load(machines: Sequence[Path], fake: Amplitude, kills: int, chance: random.Random) -> None:
    """Kill forwarders at random moments while events pour in, and run the next one; then check every event.

    ``machines``: the configurations of those who take turns, all on one port. Every fifth one lives until it
    has taken something: else a busy machine, on which none does, would end the senders' patience.
    """
    shop = Sender(users=200)
    arrived, running = Arrived(fake), Running(machines[0])
    try:
        with sending(shop, running.url):
            for number in range(1, kills + 1):
                taken = len(shop.accepted)
                time.sleep(chance.uniform(0.1, 0.8))
                assert number % 5 or eventually(lambda taken=taken: len(shop.accepted) > taken)  # type: ignore[misc]
                running.stop(signal.SIGKILL)
                running = Running(machines[number % len(machines)])
                arrived.look()
            time.sleep(0.3)
        tally(shop, fake, dead_names(machines[0]), kills, arrived=arrived)
        assert all_ended(running.url)
        found = fates(running.url)
        print(f"the forwarder's own books: {dict(found)}")
        assert found["accepted"] == found["delivered"] == len(shop.accepted)
    finally:
        running.stop()
    last = machines[kills % len(machines)].parent
    # A copy of a stream begins with what the stream holds: with all of so few events.
    check_history(last / ("spool.db" if len(machines) == 1 else "spool-copy.db"), set(shop.accepted))


def check_history(path: Path, accepted: set[str]) -> None:
    """Check event by event that history holds what was accepted, that each was sent, and ended once."""
    with contextlib.closing(sqlite3.connect(path)) as database:
        kept = {row[0]: row[3] for row in stored_events.events(database, 0)}
        settled = [
            history_rows.unpack_settled(body) for (body,) in database.execute("SELECT body FROM settled")
        ]
    assert len(kept) == len(accepted)
    assert set(kept.values()) == accepted
    ended = [seq for ends, _ in settled for end in ends for seq in range(end.first, end.last + 1)]
    assert sorted(ended) == sorted(kept), "each end once, with the cursor that passed it"
    taken = {
        seq
        for _, requests in settled
        for sent in requests
        if sent.status == 200
        for first, last in sent.events
        for seq in range(first, last + 1)
    }
    assert taken == set(kept), "for each a request that was answered"
