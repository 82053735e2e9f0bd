"""One transaction of a spool, step by step: what it lets in, writes, undoes and keeps elsewhere."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from forwarder.errors import SpoolFull
from forwarder.spool.sqlite import cursors, history_packing
from forwarder.spool.sqlite.disk import Disk
from forwarder.spool.sqlite.operations import Appended, SessionsChanged
from forwarder.spool.sqlite.transaction import WriteTransaction
from tests.support.spools import NOW, event
from tests.support.transactions import History, Setup, visit


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


@pytest.mark.parametrize(("upto", "left"), [(0, "abcde"), (2, "abcde"), (3, "bcde"), (5, "de"), (7, "")])
def test_what_is_in_a_row_is_not_in_the_table(setup: Setup, upto: int, left: str) -> None:
    setup.take(event("x"), event("y"))
    setup.one.history = History(upto)  # type: ignore[assignment]
    setup.take(*map(event, "abcde"))
    assert [name for _, name, _ in setup.rows()] == ["x", "y", *left]


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


@pytest.mark.parametrize("in_rows", [True, False])
def test_the_last_events_are_known_after_a_crash_that_took_their_marks(
    tmp_path: Path, in_rows: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "spool.db"
    setup = Setup(path)
    if in_rows:
        cursors.attach(setup.database, ["one"], 0)
        monkeypatch.setattr(history_packing, "FULL", 2)
    setup.take(event("a"), event("b"))
    assert len(setup.rows()) == (0 if in_rows else 2)
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
