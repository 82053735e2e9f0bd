"""The SQLite file: its tables, its format version, how it is opened and checked."""

import sqlite3
from pathlib import Path

from forwarder.errors import SpoolDamaged, SpoolError, SpoolFull
from forwarder.spool.sqlite import history_rows
from forwarder.spool.sqlite.disk import damaged, free_reserve, full, is_damaged, is_full

APPLICATION_ID = 0x5350_4F4C  # "SPOL": tells a spool from any other SQLite file

MIGRATIONS = (
    """
    CREATE TABLE event (
        seq INTEGER PRIMARY KEY AUTOINCREMENT, -- never starts again, so that no cursor lies ahead of it
        at INTEGER NOT NULL,                   -- received, ms since the epoch
        source TEXT NOT NULL,
        message_id TEXT NOT NULL,
        total INTEGER NOT NULL,                -- bytes of all bodies so far: what waits is a difference
        body BLOB NOT NULL
    );
    CREATE TABLE cursor (destination TEXT PRIMARY KEY, seq INTEGER NOT NULL) WITHOUT ROWID;
    CREATE TABLE parked (
        destination TEXT NOT NULL, lane TEXT NOT NULL, seq INTEGER NOT NULL, keys TEXT NOT NULL,
        state BLOB NOT NULL, at INTEGER NOT NULL, source TEXT NOT NULL, message_id TEXT NOT NULL,
        body BLOB NOT NULL,
        PRIMARY KEY (destination, seq)
    );
    CREATE INDEX parked_lane ON parked (destination, lane, seq);
    CREATE TABLE dead (
        number INTEGER PRIMARY KEY AUTOINCREMENT, destination TEXT NOT NULL, died_at INTEGER NOT NULL,
        reason TEXT NOT NULL, detail BLOB NOT NULL, state BLOB NOT NULL, seq INTEGER NOT NULL,
        at INTEGER NOT NULL, source TEXT NOT NULL, message_id TEXT NOT NULL, body BLOB NOT NULL
    );
    CREATE INDEX dead_destination ON dead (destination, number);
    CREATE TABLE note (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
    """,
    """
    CREATE TABLE ended (
        destination TEXT NOT NULL, outcome TEXT NOT NULL, reason TEXT NOT NULL, events INTEGER NOT NULL,
        PRIMARY KEY (destination, outcome, reason)
    ) WITHOUT ROWID;
    CREATE INDEX dead_seq ON dead (destination, seq);
    ALTER TABLE cursor ADD COLUMN began INTEGER NOT NULL DEFAULT 0; -- events it has nothing to do with
    ALTER TABLE cursor ADD COLUMN revived INTEGER NOT NULL DEFAULT 0;
    UPDATE cursor SET began = seq
        - (SELECT count(*) FROM parked p WHERE p.destination = cursor.destination AND p.seq <= cursor.seq)
        + (SELECT count(*) FROM dead d WHERE d.destination = cursor.destination AND d.seq > cursor.seq);
    """,
    """
    CREATE TABLE erased ( -- deleted users; see suppression.UserMark
        mark BLOB NOT NULL, key BLOB NOT NULL, destination TEXT NOT NULL, upto INTEGER NOT NULL,
        until INTEGER NOT NULL, at INTEGER NOT NULL,
        PRIMARY KEY (mark, destination)
    ) WITHOUT ROWID;
    """,
    """
    CREATE TABLE gone ( -- dead letters that were removed before the cursor passed their events
        destination TEXT NOT NULL, seq INTEGER NOT NULL, PRIMARY KEY (destination, seq)
    ) WITHOUT ROWID;
    """,
    """
    CREATE TABLE session ( -- devices' sessions, a transaction's changes in one row; see SessionBook
        number INTEGER PRIMARY KEY, at INTEGER NOT NULL, states INTEGER NOT NULL, body BLOB NOT NULL
    );
    """,
    """
    CREATE TABLE history ( -- accepted events, many in one row; see HistoryWriter
        first INTEGER PRIMARY KEY, events INTEGER NOT NULL, -- the first seq; how many events
        began INTEGER NOT NULL, at INTEGER NOT NULL,        -- when the first and the last were received, ms
        total INTEGER NOT NULL,                             -- bytes so far: what is kept is a difference
        body BLOB NOT NULL
    );
    CREATE TABLE history_hash ( -- what the events of each row are found by; see event_keys
        first INTEGER PRIMARY KEY, hashes BLOB NOT NULL
    );
    CREATE TABLE settled ( -- which events ended how, and the requests: one row for each settlement
        number INTEGER PRIMARY KEY, destination TEXT NOT NULL, at INTEGER NOT NULL,
        first INTEGER NOT NULL, last INTEGER NOT NULL, body BLOB NOT NULL
    );
    CREATE INDEX settled_last ON settled (last, first);
    CREATE TABLE turned_away ( -- events that ended at ingest, the latest of them
        number INTEGER PRIMARY KEY, at INTEGER NOT NULL, events INTEGER NOT NULL, total INTEGER NOT NULL,
        body BLOB NOT NULL
    );
    """,
    """
    CREATE TABLE renamed ( -- sessions of events that wait, since another came late; see Renaming
        who INTEGER NOT NULL, scope TEXT NOT NULL, old INTEGER NOT NULL, new INTEGER NOT NULL,
        since INTEGER NOT NULL, after INTEGER NOT NULL, upto INTEGER NOT NULL
    );
    CREATE INDEX renamed_upto ON renamed (upto);
    """,
    """
    -- From here on the table of events begins where the last row of history ends.
    ALTER TABLE history ADD COLUMN bodies INTEGER NOT NULL DEFAULT 0; -- bytes of all bodies before this row
    DELETE FROM history_hash WHERE first >= (SELECT min(seq) FROM event);
    DELETE FROM history WHERE first >= (SELECT min(seq) FROM event);
    UPDATE history SET bodies = (
        SELECT total - length(event.body) - bytes_below(seq, first, history.body)
        FROM event ORDER BY seq LIMIT 1
    ) WHERE first + events > (SELECT min(seq) FROM event);
    """,
)
"""Each entry brings the file from the version before it to the next; the first makes an empty one."""


_LAST_RESORT = 128_000_000
"""Bytes of the write-ahead log."""


def open_database(path: Path, *, tool: bool = False, durable: bool = True) -> sqlite3.Connection:
    """Open the spool's file, making or migrating it. Raises SpoolDamaged where it cannot be used, SpoolFull.

    ``tool``: only take it as it is, for a forwarder may be serving from it. ``durable``: what is committed
    survives a power loss.
    """
    if tool and not path.exists():
        raise SpoolDamaged(
            f"there is no spool at {path.absolute()}; start the forwarder once, or name its configuration"
            " with --config"
        )
    try:
        database = connect(path)
    except sqlite3.Error as error:
        raise SpoolDamaged(
            f"{path} cannot be opened as a spool: {error}; check its folder and rights"
        ) from None
    try:
        version = _version(database, path)
        if tool and version < len(MIGRATIONS):
            raise SpoolDamaged(f"{path} is from an older forwarder; start this one on it once")
        _configure(database, durable=durable)
        if not tool:
            migrate(database, version)
            _check(database, path, new=version == 0)
    except sqlite3.DatabaseError as error:
        database.close()
        raise unusable(path, error) from None
    except SpoolDamaged:
        database.close()
        raise
    return database


def unusable(path: Path, error: sqlite3.DatabaseError) -> SpoolError:
    """Return the error that says why the file cannot be used, and how to mend it."""
    if is_full(error):
        return full(path)
    if is_damaged(error):
        return damaged(path, error)
    return SpoolDamaged(f"{path} cannot be used: {error}; check its folder and rights, and who else uses it")


def open_giving_room(path: Path, *, tool: bool, durable: bool) -> sqlite3.Connection:
    """Open it as above; where the disk is full its reserve is given up, for deliveries will make room."""
    try:
        return open_database(path, tool=tool, durable=durable)
    except SpoolFull:
        free_reserve(path)
        return open_database(path, tool=tool, durable=durable)


def connect(path: Path) -> sqlite3.Connection:
    """Return a connection in autocommit, usable from any one thread at a time."""
    database = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=5.0)
    # Each table that a commit changes costs whole pages, and each page its handling: with 16 kB a commit of
    # 100 events writes half as much again. It counts only before the file is made.
    database.execute("PRAGMA page_size=8192")
    return database


def _version(database: sqlite3.Connection, path: Path) -> int:
    """Return the format version, 0 for an empty file."""
    version = database.execute("PRAGMA user_version").fetchone()[0]
    if not is_spool_or_empty(database):
        raise SpoolDamaged(f"{path} is another program's database; name another file in [spool] path")
    if version > len(MIGRATIONS):
        raise SpoolDamaged(
            f"{path} was written by a newer forwarder (format {version}, this one knows {len(MIGRATIONS)});"
            " run that one"
        )
    return int(version)


def is_spool_or_empty(database: sqlite3.Connection) -> bool:
    """Return whether the file is a spool, or nobody's yet. Raises sqlite3.Error."""
    application = database.execute("PRAGMA application_id").fetchone()[0]
    tables = database.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0]
    return application == APPLICATION_ID or not tables


def _configure(database: sqlite3.Connection, *, durable: bool) -> None:
    database.execute("PRAGMA journal_mode=WAL")
    # FULL: a commit survives power loss, not only a crash.
    database.execute(f"PRAGMA synchronous={'FULL' if durable else 'OFF'}")
    # Checkpoints inside of a commit are a last resort: see ``Checkpointer``.
    page = database.execute("PRAGMA page_size").fetchone()[0]
    database.execute(f"PRAGMA wal_autocheckpoint={_LAST_RESORT // page}")
    database.execute("PRAGMA journal_size_limit=67108864")
    # Some builds overwrite what is deleted; where that costs nothing it goes on.
    database.execute("PRAGMA secure_delete=FAST")


def migrate(database: sqlite3.Connection, version: int) -> None:
    """Bring the tables from this format version to the newest; 0 is an empty file's."""
    database.create_function("bytes_below", 3, _bytes_below)
    for number in range(version, len(MIGRATIONS)):
        database.executescript(
            f"BEGIN IMMEDIATE; {MIGRATIONS[number]};"
            f"PRAGMA application_id={APPLICATION_ID}; PRAGMA user_version={number + 1}; COMMIT"
        )


def _bytes_below(seq: int, first: int, body: bytes) -> int:
    """Return the bytes of those events of a row that are below a seq."""
    return sum(len(event.body) for event in history_rows.unpack(first, body) if event.seq < seq)


def _check(database: sqlite3.Connection, path: Path, *, new: bool) -> None:
    """See whether the file is sound, where its last end was not orderly: reading all of it takes a while."""
    ended = database.execute("DELETE FROM note WHERE name='closed'").rowcount
    if not new and not ended:
        said = database.execute("PRAGMA quick_check(1)").fetchone()[0]
        if said != "ok":
            raise damaged(path, said)


_FEW_PAGES = 1024
"""8 MB, which are written anew in some ms."""


def forget_deleted(database: sqlite3.Connection) -> None:
    """Write the file anew without what was deleted from it, where little is left and so this is quick.

    SQLite only marks the pages of delivered events as free; they can be read until they are overwritten.
    """
    pages = database.execute("PRAGMA page_count").fetchone()[0]
    free = database.execute("PRAGMA freelist_count").fetchone()[0]
    if free and pages - free <= _FEW_PAGES:
        database.execute("VACUUM")
