"""Sessions in a spool's transaction: what the book is asked, what is written, when old rows are looked at."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import orjson
import pytest

from forwarder.sessions.facts import PAGE, Assigned, SessionFacts, SessionRules, device_key
from forwarder.sessions.renaming import Renaming, SessionNames, who_of
from forwarder.sessions.rows import SessionRow
from forwarder.sessions.stamp import opening, stamped
from forwarder.spool import StoredEvent
from forwarder.spool.sqlite import renamed_rows, session_rows
from forwarder.spool.sqlite.operations import SessionsChanged, SessionsRenamed
from forwarder.spool.sqlite.schema import open_database
from forwarder.spool.sqlite.session_rows import SessionCleaner
from forwarder.spool.sqlite.session_writer import SessionWriter
from tests.support.spools import NOW

FACTS = SessionFacts(SessionRules(), PAGE, "\0dd1", "", NOW, opening=opening(None), head=7)
ADA = who_of(device_key("", "ada"))


def renaming(old: int, upto: int) -> Renaming:
    return Renaming(ADA, "", old, old + 1, 0, 0, upto)


class Book:
    """A book that notes what it is asked, and answers as it is told."""

    def __init__(self) -> None:
        self.said: list[tuple[Any, ...]] = []
        self.decided: list[Assigned | None] = []
        self.crowded, self.keep, self.left = False, 10**12, 5
        self.row: SessionRow | None = None
        self.late = SimpleNamespace(renamings=[])
        self.devices = SimpleNamespace(forget_users=self._forget)
        self.rows = SimpleNamespace(without=lambda row, keys: None if row.number in keys else row)
        self.forgotten: set[int] = set()
        self.dead: set[int] = set()

    def load(self, rows: Iterator[SessionRow], names: SessionNames) -> None:
        self.said.append(("load", [row.number for row in rows], names))

    def begin(self) -> None:
        self.said.append(("begin",))

    def assign(self, facts: object, now: int, seq: int) -> list[Assigned | None]:
        self.said.append(("assign", facts, now, seq))
        return self.decided

    def end(self, rules: object, now: int, since: int) -> list[Any]:
        self.said.append(("end", now, since))
        return []

    def changed(self, now: int, upto: int) -> SessionRow | None:
        self.said.append(("changed", now, upto))
        return self.row

    def is_crowded(self) -> bool:
        return self.crowded

    def is_outdated(self, at: int, now: int) -> bool:
        return now - at > self.keep

    def is_dead(self, number: int) -> bool:
        return number in self.dead

    def allowance(self) -> int:
        return self.left

    def drop(self, row: SessionRow) -> None:
        self.said.append(("drop", row.number))

    def clean(self, row: SessionRow, now: int) -> None:
        self.said.append(("clean", row.number, now))

    def _forget(self, is_deleted: Any) -> set[int]:
        return {number for number in self.forgotten if is_deleted(number)}


class Machine:
    """A writer of sessions over a file with rows of two states each, a minute apart."""

    def __init__(self, path: Path, rows: int = 0) -> None:
        self.database = open_database(path, durable=False)
        for number in range(1, rows + 1):
            session_rows.write(self.database, SessionRow(number, NOW + number * 60_000, 2, b""), 0)
        self.book = Book()
        self.writer = SessionWriter(self.database, cast(Any, self.book), 40, 30)

    def numbers(self) -> list[int]:
        return [row.number for row in session_rows.read(self.database)]


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    machine = Machine(tmp_path / "spool.db", 4)
    with closing(machine.database):
        yield machine


def test_it_begins_with_what_the_spool_holds(tmp_path: Path) -> None:
    with closing(open_database(tmp_path / "spool.db")) as database:
        renamed_rows.write(database, [renaming(1, 29), renaming(2, 30)])
    machine = Machine(tmp_path / "spool.db", 3)
    [(_, rows, names)] = machine.book.said
    assert (rows, names, names.upto) == ([1, 2, 3], machine.writer.names, 40)
    assert [names.renames(seq) for seq in (30, 31)] == [True, False]
    assert machine.writer.names.stamped_as(3) >= {2}
    assert machine.writer.names.stamped_as(2) == {2}, "what is needed by no event is not there"
    machine.database.close()


def test_only_what_is_decided_here_is_stamped(machine: Machine) -> None:
    bodies = [b'{"a":1}', b'{"b":1}', b'{"c":1}', b'{"d":1}']
    done = Assigned(NOW, "because")
    machine.book.decided = [None, done, None, Assigned(7, "other")]
    machine.book.said.clear()
    facts = [FACTS, FACTS, None, FACTS]
    found, given = machine.writer.assign(facts, bodies, NOW + 5, 99)
    assert machine.book.said == [("assign", facts, NOW + 5, 99)]
    assert found == [
        bodies[0],
        stamped(bodies[1], FACTS, done),
        bodies[2],
        stamped(bodies[3], FACTS, Assigned(7, "other")),
    ]
    assert given == [None, NOW, None, 7]
    assert bodies[1] == b'{"b":1}', "the caller's stay"


def test_a_transaction_is_written_with_its_time(machine: Machine) -> None:
    writer, book = machine.writer, machine.book
    book.said.clear()
    writer.begin()
    assert writer.changes() == []
    assert book.said == [("begin",), ("changed", 0, 0)], "without an event nothing is looked through"
    book.row = SessionRow(5, NOW, 1, b"x")
    book.late.renamings = [renaming(1, 9)]
    writer.assign([FACTS], [b"{}"], NOW + 7, 1)
    changes: list[Any] = [SessionsChanged(book.row, 0), SessionsRenamed([renaming(1, 9)])]
    assert writer.changes() == changes
    assert book.said[-1] == ("changed", NOW + 7, 0)
    writer.begin()
    book.row = None
    assert writer.changes() == changes[1:]
    assert book.said[-1] == ("changed", 0, 0)
    assert writer.ends({}, NOW + 8, 3) == []
    assert book.said[-1] == ("end", NOW + 8, 3)
    writer.changes()
    assert book.said[-1] == ("changed", NOW + 8, 0), "ends have a time as well"


def test_old_rows_are_looked_through_as_far_as_is_allowed(machine: Machine) -> None:
    writer, book = machine.writer, machine.book
    book.row, book.keep, book.left = SessionRow(5, NOW, 1, b"x"), 60_000, 100
    now = NOW + 3 * 60_000 + 60_000  # the third row is as old as it may be
    writer.assign([FACTS], [b"{}"], now, 1)
    book.said.clear()
    assert writer.changes() == [SessionsChanged(book.row, 2)]
    assert book.said == [("clean", 1, now), ("clean", 2, now), ("changed", now, 2)]
    book.dead.add(1)
    book.said.clear()
    writer.assign([FACTS], [b"{}"], now + 59_999, 1)
    assert writer.changes() == [SessionsChanged(book.row, 0)], "not again within a minute"
    book.said.clear()
    writer.assign([FACTS], [b"{}"], now + 60_000, 1)
    assert writer.changes() == [SessionsChanged(book.row, 3)]
    cleaned = [("clean", number, now + 60_000) for number in (2, 3)]
    assert book.said[1:] == [("drop", 1), *cleaned, ("changed", now + 60_000, 3)], "the first goes unread"
    writer.assign([FACTS], [b"{}"], now + 60_001, 1)
    assert writer.changes() == [SessionsChanged(book.row, 0)]
    book.crowded, book.left = True, 5
    assert writer.changes() == [SessionsChanged(book.row, 3)], "five states, and a row has two"
    book.left = 4
    assert writer.changes() == [SessionsChanged(book.row, 2)]
    book.left = 0
    assert writer.changes() == [SessionsChanged(book.row, 0)]
    book.left = 100
    assert writer.changes() == [SessionsChanged(book.row, 4)]


def test_where_more_is_left_the_next_transaction_looks_again(machine: Machine) -> None:
    book, cleaner = machine.book, SessionCleaner(machine.database, cast(Any, machine.book))
    book.keep, book.left = 60_000, 4
    now = NOW + 10 * 60_000
    assert cleaner.is_due(now)
    assert cleaner.clean(now) == 2
    assert cleaner.is_due(now + 1), "all that was allowed was used"
    book.left = 100
    assert cleaner.clean(now + 1) == 4
    assert not cleaner.is_due(now + 2)
    assert cleaner.is_due(now + 60_001)
    assert cleaner.is_due(now - 60_001), "a clock that was set back"
    machine.database.execute("DELETE FROM session")
    assert not cleaner.is_due(now + 10**6)
    assert cleaner.clean(now) == 0


def test_rows_are_replaced_and_let_go_of(machine: Machine) -> None:
    session_rows.write(machine.database, SessionRow(4, NOW, 1, b"again"), 0)
    assert [row.body for row in session_rows.read(machine.database)] == [b"", b"", b"", b"again"]
    session_rows.write(machine.database, SessionRow(5, NOW, 1, b"x"), 2)
    assert machine.numbers() == [3, 4, 5]


def test_devices_of_deleted_users_are_forgotten(machine: Machine) -> None:
    rows = list(session_rows.read(machine.database))
    assert machine.writer.forget(lambda _: True) == [], "of nobody there is a device"
    machine.book.forgotten = {2, 3}
    assert machine.writer.forget(lambda key: cast(Any, key) == 2) == [
        SessionsChanged(row, 0) for row in rows if row.number != 2
    ]


# -- renamings


def test_renamings_go_once_no_table_has_their_events(machine: Machine) -> None:
    database = machine.database

    def left() -> list[int]:
        renamed_rows.write(database, [])
        return [one.upto for one in renamed_rows.read(database)]

    renamed_rows.write(database, [])
    database.execute("INSERT INTO event VALUES (9, 0, '', '', 0, x'')")
    database.execute("INSERT INTO history VALUES (5, 1, 0, 0, 0, x'', 0)")
    renamed_rows.write(
        database, [renaming(3, 7), renaming(2, 5), renaming(1, 4), renaming(0, 9), renaming(4, 8)]
    )
    assert left() == [7, 5, 9, 8], "in the order in which they came"
    assert [one.upto for one in renamed_rows.read(database, 8)] == [9, 8]
    database.execute("DELETE FROM history")
    assert left() == [9]
    database.execute("DELETE FROM event")
    assert left() == []


def test_an_event_is_shown_with_the_session_that_it_is_in() -> None:
    body = b'{"anonymousId":"ada","timestamp":"2026-01-01T00:00:00.000Z"}'
    facts = SessionFacts(SessionRules(), PAGE, "\0dada", "", NOW, opening=opening(None), head=len(body) - 1)
    body = stamped(body, facts, Assigned(100, "assigned: no plugin, first event"))
    events = [StoredEvent(seq, NOW, "shop", f"m{seq}", body) for seq in (9, 10)]
    names = SessionNames(0, [Renaming(ADA, "", 100, 200, -1, 0, 9)])
    changed, same = (renamed_rows.named(names, event) for event in events)
    assert orjson.loads(changed.body)["integrations"]["Actions Amplitude"]["session_id"] == 200
    assert (changed.seq, changed.message_id) == (9, "m9")
    assert same is events[1], "it came later"
    names.scopes = {"shop": "another", "blog": ""}
    assert renamed_rows.named(names, events[0]) is events[0], "its source has other users of that name"
    names.scopes = {"shop": ""}
    assert renamed_rows.named(names, events[0]) == changed
    other = StoredEvent(9, NOW, "shop", "m", b'{"anonymousId":"bob"}')
    assert renamed_rows.named(names, other) is other


def test_names_are_read_of_the_file(machine: Machine) -> None:
    renamed_rows.write(machine.database, [renaming(1, 1), renaming(2, 2)])
    names = renamed_rows.names(machine.database)
    assert names.upto == 0
    assert [names.renames(seq) for seq in (2, 3)] == [True, False]
