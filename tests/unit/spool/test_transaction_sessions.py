"""Sessions that one transaction of a spool gives, ends, forgets and undoes."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from forwarder.spool.sqlite.operations import SessionsChanged
from forwarder.spool.sqlite.transaction import EndsRefusedError
from tests.support.spools import NOW, event
from tests.support.transactions import MINUTE, RULES, History, Setup, visit


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
