"""Reading history oldest first, piece by piece, gives what finding gives newest first, each event once."""

import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from itertools import product
from pathlib import Path

import orjson
import pytest

from forwarder.history import finding, reading
from forwarder.history.filters import Filters
from forwarder.history.reading import Choice, count, next_slice
from forwarder.spool import NewEvent, Settlement
from forwarder.spool.history import Ended
from forwarder.spool.sqlite import history_packing
from tests.support.spools import HOUR, NOW, at, opened

EVENTS, ENDED = 60, 41


def made(number: int) -> NewEvent:
    body = {"type": "track", "event": f"E{number % 3}", "userId": f"u{number % 5}", "anonymousId": "d"}
    return NewEvent("demo", f"m{number}", orjson.dumps(body))


@pytest.fixture
async def database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[sqlite3.Connection]:
    """A spool of 60 events in rows of seven, of which 41 have ended and the others wait."""
    monkeypatch.setattr(history_packing, "ROW_EVENTS", 7)
    monkeypatch.setattr(history_packing, "FULL", 5)
    async with opened(at(tmp_path / "spool.db")) as spool:
        spool.bound_history(10**9, 72 * HOUR)
        await spool.attach(["one", "two"])
        for start in range(1, EVENTS + 1, 4):
            await spool.append([made(number) for number in range(start, start + 4)], NOW + start)
        ends = [Ended("delivered", "", 1, 10), Ended("dead", "x", 11, 12), Ended("delivered", "", 13, ENDED)]
        await spool.settle("one", Settlement(ENDED, ends=ends), NOW)
        await spool.settle("two", Settlement(ENDED, ends=[Ended("filtered", "", 1, ENDED)]), NOW)
        with closing(sqlite3.connect(tmp_path / "spool.db", isolation_level=None)) as found:
            yield found


def read(database: sqlite3.Connection, choice: Choice, after: int = 0) -> list[int]:
    found = []
    while after < choice.upto:
        events, upto = next_slice(database, choice, after)
        assert upto > after, "each step leads on"
        assert all(after < one.seq <= upto for one in events)
        found += [one.seq for one in events]
        after = upto
    return found


@pytest.mark.parametrize("looked", [2, 3, 500])
async def test_slices_are_what_is_found(
    database: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch, looked: int
) -> None:
    monkeypatch.setattr(reading, "_LOOKED", looked)
    some = (Filters(user="u3"), Filters(message="m17"), Filters(name="E1"), Filters(user="nobody"))
    for filters, upto in product((Filters(), *some, Filters(since=NOW + 21)), (1, 20, ENDED, 50, EVENTS)):
        found = finding.find(database, filters, 999)
        wanted = sorted(one.event.seq for one in found if one.event.seq <= upto)
        choice = Choice(filters, upto)
        assert read(database, choice) == wanted
        assert read(database, choice, 17) == [seq for seq in wanted if seq > 17]
        assert count(database, choice, NOW + 21) == (len(wanted), sum(seq < 21 for seq in wanted))


@pytest.mark.parametrize(
    ("destination", "outcome", "seqs"),
    [
        ("one", "dead", [11, 12]),
        ("one", "delivered", [*range(1, 11), *range(13, ENDED + 1)]),
        ("two", "filtered", list(range(1, ENDED + 1))),
        ("two", "dead", []),
    ],
)
async def test_only_those_that_ended_so_at_the_destination(
    database: sqlite3.Connection, destination: str, outcome: str, seqs: list[int]
) -> None:
    assert read(database, Choice(Filters(), EVENTS, outcome, destination)) == seqs
