"""One transaction of a spool, step by step: what it lets in, writes, undoes and hands to others."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest

from forwarder.errors import SpoolFull
from forwarder.sessions.book import SessionBook
from forwarder.sessions.facts import PAGE, SessionFacts, SessionRules
from forwarder.spool import NewEvent
from forwarder.spool.sqlite.capacity import Capacity
from forwarder.spool.sqlite.dedup import DedupIndex
from forwarder.spool.sqlite.disk import Disk
from forwarder.spool.sqlite.operations import Appended, Operation, SessionsChanged
from forwarder.spool.sqlite.schema import open_database
from forwarder.spool.sqlite.transaction import EndsRefusedError, WriteTransaction
from tests.support.spools import NOW, event

RULES = SessionRules(source="shop", close=True)
MINUTE = 60_000


class History:
    """Notes what history is given."""

    def __init__(self) -> None:
        self.calls: list[tuple[Any, ...]] = []

    def __getattr__(self, name: str) -> Any:
        return lambda *given: self.calls.append((name, *given))


class Elsewhere:
    """Notes what is kept elsewhere, or refuses it."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, Any]] = []

    def begin(self, database: sqlite3.Connection) -> None:
        self.calls.append(("begin", database))

    def keep(self, changes: Sequence[Operation[object]]) -> None:
        self.calls.append(("keep", list(changes)))

    def committed(self) -> None:
        self.calls.append(("committed", None))


class Setup:
    """A spool's file and its transactions."""

    def __init__(
        self, path: Path, *, max_events: int = 100, max_bytes: int = 10**6, elsewhere: bool = False
    ) -> None:
        self.database = open_database(path, durable=False)
        self.dedup = DedupIndex(path, slots=64)
        self.capacity = Capacity(self.database, max_events, max_bytes)
        self.disk = Disk(path, self.database)
        self.book = SessionBook()
        self.elsewhere = Elsewhere() if elsewhere else None
        self.one = WriteTransaction(
            self.database, self.dedup, self.capacity, self.disk, self.elsewhere, self.book
        )

    def begin(self) -> None:
        self.one.begin()
        self.database.execute("BEGIN IMMEDIATE")

    def commit(self) -> list[Any]:
        self.one.finish()
        self.database.execute("COMMIT")
        return self.one.committed()

    def add(self, *events: NewEvent, now: int = NOW) -> list[bool]:
        marks = [self.dedup.fingerprint(one.source, one.message_id) for one in events]
        return self.one.add(events, marks, now)

    def take(self, *events: NewEvent, now: int = NOW) -> list[Any]:
        """One transaction that lets events in; return its rows."""
        self.begin()
        self.add(*events, now=now)
        return self.commit()

    def rows(self) -> list[tuple[int, str, int]]:
        return self.database.execute("SELECT seq, message_id, total FROM event ORDER BY seq").fetchall()

    def close(self) -> None:
        self.dedup.close()
        self.database.close()


@pytest.fixture
def setup(tmp_path: Path) -> Iterator[Setup]:
    made = Setup(tmp_path / "spool.db")
    yield made
    made.close()


def visit(name: str, minute: int, device: str = "d", rules: SessionRules = RULES) -> NewEvent:
    """Return a page's event to which an id may be given."""
    body = b'{"n":"%b"}' % name.encode()
    opening = b'{"Actions Amplitude":{"session_id":'
    facts = SessionFacts(
        rules, PAGE, f"\0d{device}", "", NOW + minute * MINUTE, None, opening, len(body) - 1, 0
    )
    return NewEvent(rules.source, name, body, facts)


def test_events_are_numbered_and_their_bytes_summed_over_transactions(setup: Setup) -> None:
    assert [row[:2] for row in setup.take(event("a", b"x" * 3), event("b", b"x" * 4))] == [(1, NOW), (2, NOW)]
    setup.begin()
    assert setup.add(event("c", b"x" * 5)) == [True]
    assert setup.add(event("d", b"x" * 6), event("e", b"x" * 7)) == [True, True]
    rows = setup.commit()
    assert setup.rows() == [(1, "a", 3), (2, "b", 7), (3, "c", 12), (4, "d", 18), (5, "e", 25)]
    assert [(row[0], row[5]) for row in rows] == [(3, 12), (4, 18), (5, 25)]
    assert (setup.capacity.last, setup.capacity.total) == (5, 25)


def test_what_is_written_in_between_is_not_written_again(setup: Setup) -> None:
    setup.one.history = history = History()  # type: ignore[assignment]
    setup.begin()
    setup.add(event("a"))
    setup.one.write()
    setup.one.write()
    assert setup.rows() == [(1, "a", 2)]
    setup.add(event("b"))
    assert len(setup.commit()) == 2
    assert setup.rows() == [(1, "a", 2), (2, "b", 4)]
    added = [[entry[0][0] for entry in call[1]] for call in history.calls if call[0] == "add"]
    assert added == [[1], [2]]


def test_each_event_is_let_in_once(setup: Setup) -> None:
    setup.one.history = history = History()  # type: ignore[assignment]
    setup.begin()
    assert setup.add(event("a"), event("a"), event("b")) == [True, False, True]
    assert setup.add(event("b")) == [False], "the transaction under way knows it, too"
    setup.commit()
    setup.begin()
    assert setup.add(event("a"), now=NOW + 5) == [False]
    assert setup.commit() == []
    assert [call for call in history.calls if call[0] == "duplicate"] == [
        ("duplicate", "demo", "a", NOW),
        ("duplicate", "demo", "b", NOW),
        ("duplicate", "demo", "a", NOW + 5),
    ]


def test_what_is_rolled_back_may_come_again(setup: Setup) -> None:
    setup.begin()
    setup.add(event("a"))
    setup.one.write()
    setup.database.execute("ROLLBACK")
    assert setup.rows() == []
    setup.begin()
    assert setup.add(event("b"), event("a")) == [True, True]
    setup.commit()
    assert setup.rows() == [(1, "b", 2), (2, "a", 4)]


def test_a_refused_request_leaves_no_mark_and_no_number(tmp_path: Path) -> None:
    setup = Setup(tmp_path / "spool.db", max_events=2)
    setup.begin()
    with pytest.raises(SpoolFull):
        setup.add(event("a"), event("b"), event("c"))
    assert setup.add(event("c"), event("a")) == [True, True]
    setup.commit()
    assert setup.rows() == [(1, "c", 2), (2, "a", 4)]
    setup.close()


def test_room_is_taken_for_bodies_and_what_a_session_adds(
    setup: Setup, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken: list[int] = []
    monkeypatch.setattr(setup.disk, "take", taken.append)
    setup.take(event("a", b"x" * 10), event("b", b"x" * 5))
    setup.take(event("c", b"x" * 20), event("a"))
    plain, stamped = visit("v", 0), visit("v", 0)
    setup.take(msgspec.structs.replace(plain, message_id="w", session=None))
    setup.take(stamped)
    assert taken[:2] == [15, 20]
    assert taken[3] > taken[2] + len(b'{"Actions Amplitude":{"session_id":')
    assert setup.capacity.total == sum(
        len(body) for (body,) in setup.database.execute("SELECT body FROM event")
    )


def test_the_last_events_are_known_after_a_crash_that_took_their_marks(tmp_path: Path) -> None:
    path = tmp_path / "spool.db"
    setup = Setup(path)
    setup.take(event("a"), event("b"))
    setup.close()
    for table in path.parent.glob("spool.db-seen-*"):
        table.unlink()
    again = Setup(path)
    again.begin()
    assert again.add(event("b"), event("c"), event("a")) == [False, True, False]
    again.commit()
    again.close()


def test_a_tables_cut_off_file_is_let_go_of_before_it_is_asked(setup: Setup, tmp_path: Path) -> None:
    setup.take(event("a"))
    [table] = tmp_path.glob("spool.db-seen-*")
    with table.open("r+b") as file:
        file.truncate(8)
    setup.begin()
    assert setup.add(event("a")) == [True], "it is forgotten, and nothing crashes"
    setup.commit()


def test_changes_are_kept_elsewhere_before_the_commit_events_last(tmp_path: Path) -> None:
    setup = Setup(tmp_path / "spool.db", elsewhere=True)
    assert setup.elsewhere is not None
    setup.begin()
    assert setup.elsewhere.calls == [("begin", setup.database)]
    setup.add(visit("a", 0))
    rows = setup.commit()
    [_, (kept, changes), (committed, _)] = setup.elsewhere.calls
    assert (kept, committed) == ("keep", "committed")
    assert [type(change) for change in changes] == [SessionsChanged, Appended]
    assert changes[1].rows == rows
    setup.elsewhere.calls.clear()
    setup.begin()
    setup.commit()
    assert [name for name, _ in setup.elsewhere.calls] == ["begin", "committed"], "there was nothing to keep"
    setup.close()


def test_sessions_are_given_in_the_transaction_and_told_to_history(setup: Setup) -> None:
    setup.one.history = history = History()  # type: ignore[assignment]
    setup.begin()
    setup.add(visit("a", 0), event("none"))
    setup.add(visit("b", 10))
    rows = setup.commit()
    assert [b'"session_id":%d' % NOW in row[4] for row in rows] == [True, False, True]
    [added] = [call[1] for call in history.calls if call[0] == "add"]
    assert [(entry[0][3], entry[2]) for entry in added] == [("a", NOW), ("none", None), ("b", NOW)]
    assert [entry[1] is not None for entry in added] == [True, False, True]
    assert setup.database.execute("SELECT at FROM session").fetchall() == [(NOW,)]


def test_sessions_of_a_transaction_that_came_to_nothing_are_undone(setup: Setup) -> None:
    setup.begin()
    setup.add(visit("a", 0))
    setup.database.execute("ROLLBACK")
    setup.take(visit("b", 10))
    device = setup.book.device("\0dd")
    assert device is not None
    assert device.current.id == NOW + 10 * MINUTE


def test_sessions_go_on_where_the_file_is_opened_again(tmp_path: Path) -> None:
    path = tmp_path / "spool.db"
    setup = Setup(path)
    setup.take(visit("a", 0))
    setup.close()
    again = Setup(path)
    again.take(visit("b", 10))
    device = again.book.device("\0dd")
    assert device is not None
    assert device.current.id == NOW
    again.close()


def test_ends_of_sessions_are_events_of_their_source_and_come_once(tmp_path: Path) -> None:
    setup = Setup(tmp_path / "spool.db", max_events=2)
    setup.take(visit("a", 0))
    late = NOW + 60 * MINUTE
    rules = {"shop": RULES}
    setup.begin()
    assert setup.one.end_sessions(rules, late, NOW) == 1
    [end] = setup.commit()
    assert (end[1], end[2]) == (late, "shop")
    mark = setup.dedup.fingerprint("shop", end[3])
    assert setup.dedup.has(mark, "shop", end[3]), "the page's own end is a duplicate"
    setup.begin()
    assert setup.one.end_sessions(rules, late, NOW) == 0
    setup.commit()
    setup.close()


def test_ends_that_find_no_room_leave_the_sessions_as_they_were(tmp_path: Path) -> None:
    setup = Setup(tmp_path / "spool.db", max_events=1)
    setup.take(visit("a", 0))
    for _ in range(2):
        setup.begin()
        with pytest.raises(EndsRefusedError, match="full"):
            setup.one.end_sessions({"shop": RULES}, NOW + 60 * MINUTE, NOW)
        setup.database.execute("ROLLBACK")
    setup.close()


def test_devices_of_deleted_users_are_forgotten_here_and_elsewhere(tmp_path: Path) -> None:
    setup = Setup(tmp_path / "spool.db", elsewhere=True)
    assert setup.elsewhere is not None
    mine = visit("a", 0, "mine")
    assert mine.session is not None
    facts = msgspec.structs.replace(mine.session, user="\0uada")
    setup.take(msgspec.structs.replace(mine, session=facts), visit("b", 0, "theirs"))
    setup.elsewhere.calls.clear()
    setup.begin()
    setup.one.forget_sessions(lambda user: user == "ada")
    setup.commit()
    assert setup.book.device("\0dmine") is None
    assert setup.book.device("\0dtheirs") is not None
    [changes] = [given for name, given in setup.elsewhere.calls if name == "keep"]
    assert {type(change) for change in changes} == {SessionsChanged}
    assert changes[0].upto == 0
    setup.elsewhere.calls.clear()
    setup.begin()
    setup.one.forget_sessions(lambda user: user == "ada")
    setup.commit()
    assert [name for name, _ in setup.elsewhere.calls] == ["begin", "committed"], "nobody is left to forget"
    setup.close()


@pytest.mark.parametrize("short", [True, False])
def test_history_gives_way_where_the_disk_is_short(
    setup: Setup, short: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Disk, "is_short", short)
    setup.one.history = history = History()  # type: ignore[assignment]
    setup.take(event("a"))
    names = [call[0] for call in history.calls]
    assert names == ["begin", "add", "finish", *(["give_way"] if short else []), "committed"]


def test_a_tool_accepts_nothing_and_remembers_nothing(tmp_path: Path) -> None:
    path = tmp_path / "spool.db"
    setup = Setup(path)
    tool = WriteTransaction(setup.database, None, setup.capacity, setup.disk)
    tool.begin()
    setup.database.execute("BEGIN IMMEDIATE")
    tool.finish()
    tool.forget_sessions(lambda user: True)
    setup.database.execute("COMMIT")
    assert tool.committed() == []
    setup.close()
