"""A spool's file as far as history is concerned, with small rows."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from forwarder.spool.sqlite import cursors, history_rows
from forwarder.spool.sqlite.history import HistoryWriter
from forwarder.spool.sqlite.history_rows import Row
from forwarder.spool.sqlite.operations import insert
from forwarder.spool.sqlite.schema import open_database

FULL, EVENTS, BYTES, RANGE, STEP = 5, 8, 1_000, 2, 16
NOW = 1_790_000_000_000


class Machine:
    """A spool's file, as far as history is concerned."""

    def __init__(self, path: Path) -> None:
        self.path, self.last, self.total = path, 0, 0
        self.database = open_database(path, durable=False)
        cursors.attach(self.database, ["one"], 0)
        self.writer = HistoryWriter(self.database)

    def restart(self) -> None:
        """As after a crash: what was in memory alone is gone."""
        self.writer = HistoryWriter(self.database)

    @contextmanager
    def transaction(self, *, fails: bool = False) -> Iterator[HistoryWriter]:
        self.writer.begin()
        self.database.execute("BEGIN IMMEDIATE")
        last, total = self.last, self.total
        yield self.writer
        self.writer.finish()
        self.database.execute("ROLLBACK" if fails else "COMMIT")
        if fails:
            self.last, self.total = last, total
        else:
            self.writer.committed()

    def add(self, *sizes: int, fails: bool = False) -> None:
        """Accept events of so many bytes."""
        with self.transaction(fails=fails):
            rows = [self._row(size) for size in sizes]
            upto = self.writer.add([(row, None, None) for row in rows])
            insert(self.database, [row for row in rows if row[0] > upto])

    def _row(self, size: int) -> Row:
        self.last, self.total = self.last + 1, self.total + size
        return (
            self.last,
            NOW + self.last,
            "demo",
            f"m{self.last}",
            bytes([self.last % 256]) * size,
            self.total,
        )

    def settle(self, upto: int, *, fails: bool = False) -> None:
        """Have the cursor pass events."""
        with self.transaction(fails=fails) as writer:
            cursors.advance(self.database, "one", upto, {})
            writer.let_go(10**6)

    def table(self) -> list[int]:
        """Return the seqs in the table of events; each event is what it was."""
        found = self.database.execute("SELECT seq, body FROM event ORDER BY seq").fetchall()
        assert all(set(body) <= {seq % 256} for seq, body in found)
        return [seq for seq, _ in found]

    def rows(self) -> list[list[int]]:
        """Return the seqs of each row; each event is what it was."""
        found = []
        for first, events, began, at, body in self.database.execute(
            "SELECT first, events, began, at, body FROM history ORDER BY first"
        ).fetchall():
            row = history_rows.unpack(first, body)
            assert (events, began, at) == (len(row), row[0].received_at, row[-1].received_at)
            assert all(set(one.body) <= {one.seq % 256} for one in row)
            found.append([one.seq for one in row])
        return found

    def spans(self) -> list[tuple[int, int]]:
        """Return the first and the last seq of each row."""
        return [(row[0], row[-1]) for row in self.rows()]

    def stored(self) -> int:
        """Return the bytes of all rows."""
        return int(
            self.database.execute(
                "SELECT coalesce(sum(length(h.body) + length(x.hashes)), 0)"
                " FROM history h JOIN history_hash x USING (first)"
            ).fetchone()[0]
        )
