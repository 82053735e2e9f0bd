"""A spool in NATS JetStream: whichever machine dies, hangs or is cut off, another goes on where it was.

Two machines are two forwarders with nothing in common but the stream. Run with ``-s`` to see the tallies.
"""

import random
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from tests.support.amplitude import Amplitude, fake_amplitude
from tests.support.forwarder import Running, forwarder
from tests.support.kills import kill_under_load, machine, two_machines
from tests.support.nats import Nats, nats_server
from tests.support.operator import all_ended, dead, dead_names, fates
from tests.support.sender import Sender, sending, tally
from tests.support.spools import somewhere
from tests.support.waiting import PATIENCE_S, eventually


@contextmanager
def standing_by(config: Path) -> Iterator[Running]:
    """Have another forwarder stand by as long as the block lasts."""
    running = Running(config, until="standing by: another forwarder serves from this stream")
    try:
        yield running
    finally:
        if running.process.poll() is None:
            running.stop()


@contextmanager
def side_by_side(folder: Path, server: Nats, fake: Amplitude) -> Iterator[tuple[Running, Running]]:
    """Run a forwarder that serves and one that stands by, as long as the block lasts."""
    stream = somewhere(server, folder).place
    one, two = (machine(folder, name, stream, fake) for name in ("one", "two"))
    with forwarder(one) as first, standing_by(two) as second:
        yield first, second


def test_another_machine_goes_on_where_one_was_killed(tmp_path: Path, nats: Nats) -> None:
    with fake_amplitude() as fake:
        kill_under_load(two_machines(tmp_path, nats, fake), fake, kills=3, chance=random.Random(7))


def test_one_stands_by_until_the_other_is_gone(tmp_path: Path, nats: Nats) -> None:
    shop = Sender()
    with fake_amplitude() as fake, side_by_side(tmp_path, nats, fake) as (first, second):
        for _ in range(20):
            shop.send_until_taken(first.url, shop.events(50))
        assert first.process.poll() is None
        assert not second.url, "it does not listen yet"
        fake.misbehave({"kind": "hang", "seconds": 2})
        shop.send_until_taken(first.url, shop.events(50))
        first.stop(signal.SIGKILL)
        second.wait_for("listening")
        shop.send_until_taken(second.url, shop.events(50))
        tally(shop, fake, kills=1)
        assert fates(second.url)["accepted"] == len(shop.accepted), "none is written twice"


def test_whoever_was_cut_off_ends_when_it_comes_back(tmp_path: Path, nats: Nats) -> None:
    shop = Sender()
    with fake_amplitude() as fake, side_by_side(tmp_path, nats, fake) as (first, second):
        shop.send_until_taken(first.url, shop.events(200))
        first.process.send_signal(signal.SIGSTOP)
        second.wait_for("listening")
        shop.send_until_taken(second.url, shop.events(200))
        first.process.send_signal(signal.SIGCONT)
        assert shop.send(first.url, shop.events(10)) != 200
        assert first.process.wait(PATIENCE_S) == 75
        said = first.everything_said()
        assert any("another forwarder has taken over" in line for line in said)
        assert not any("Traceback" in line for line in said)
        tally(shop, fake)


def test_a_stop_that_waits_for_amplitude_writes_down_what_is_known(tmp_path: Path, nats: Nats) -> None:
    shop = Sender()
    with fake_amplitude() as fake:
        config = machine(tmp_path, "one", somewhere(nats, tmp_path).place, fake, timeout_seconds=60)
        fake.misbehave({"kind": "hang", "seconds": 60})
        with forwarder(config) as running:
            shop.send_until_taken(running.url, shop.events(50))
            assert eventually(lambda: fake.requests() > 0)
            assert running.stop(signal.SIGTERM) == 0, "stop_seconds end with the answer that is waited for"


def reached(shop: Sender, events: int) -> bool:
    """Tell whether so many events were accepted."""
    return len(shop.accepted) >= events


def test_events_wait_for_a_stream_that_restarts(tmp_path: Path) -> None:
    shop = Sender()
    with fake_amplitude() as fake, nats_server() as server:
        config = machine(tmp_path, "one", somewhere(server, tmp_path).place, fake)
        with forwarder(config) as running:
            with sending(shop, running.url):
                for _ in range(3):
                    more = len(shop.accepted) + 1
                    assert eventually(partial(reached, shop, more))
                    server.kill()
                    running.wait_for("the stream takes nothing; events wait")
                    server.start()
                    running.wait_for("the stream takes events again")
            tally(shop, fake)
            assert all_ended(running.url)
            assert fates(running.url)["accepted"] == len(shop.accepted)


def test_dead_letters_are_asked_for_through_the_stream(tmp_path: Path, nats: Nats) -> None:
    shop = Sender()
    stream = somewhere(nats, tmp_path).place
    with fake_amplitude() as fake:
        config = machine(tmp_path, "one", stream, fake)
        with forwarder(config) as running:
            fake.misbehave({"kind": "bad"})
            shop.send_until_taken(running.url, shop.events(20))
            assert all_ended(running.url)
            letters = dead_names(config)
            assert letters
            assert dead(config, "retry", "--all").strip() == f"sent again: {len(letters)}"
            tally(shop, fake)
