"""The tables of history: accepted events, many in one row, and what became of them."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Final, TypeAlias

import msgspec
import zstandard

from forwarder.sessions.facts import SessionFacts
from forwarder.spool.api import Settlement, StoredEvent
from forwarder.spool.event_keys import hashes, keys_of
from forwarder.spool.history import Ended, SentBatch, TurnedAway

_FAST: Final = zstandard.ZstdCompressionParameters.from_level(1, window_log=19, hash_log=13, min_match=7)
"""Level 1 that looks for repeats of 7 bytes in a table which stays in the processor's cache: a quarter less
time for the same bytes, for events repeat long names. Level 3 takes a third longer for 2 % of the bytes."""
Row: TypeAlias = tuple[int, int, str, str, bytes, int]
"""An event as its table has it: what ``StoredEvent`` has, and bytes of all bodies so far."""
Entry: TypeAlias = tuple[Row, SessionFacts | None, int | None]
"""An event on its way into history, what the session rules were asked of it, and the session it was given."""
_Packed: TypeAlias = list[tuple[int, str, str, bytes]]
_encoder = msgspec.msgpack.Encoder()
_encode, _encode_into = _encoder.encode, _encoder.encode_into
_buffer = bytearray()
"""For the writer's thread alone: with new memory for each row, half the time would go into that."""
_events = msgspec.msgpack.Decoder(_Packed).decode
_settled = msgspec.msgpack.Decoder(tuple[list[Ended], list[SentBatch]]).decode
_turned_away = msgspec.msgpack.Decoder(list[TurnedAway]).decode
_compress = zstandard.ZstdCompressor(compression_params=_FAST).compress
"""For the writer's thread alone: it holds the memory that it works in."""
_NO_SESSION: Final = frozenset([None])
_SETTLE: Final = "INSERT INTO settled (destination, at, first, last, body) VALUES (?,?,?,?,?)"


def pack(rows: Sequence[Row]) -> bytes:
    """Return events without their seqs, which follow each other."""
    _encode_into([row[1:5] for row in rows], _buffer)
    return _compress(_buffer)


def unpack(first: int, body: bytes) -> list[StoredEvent]:
    """Return the events of a row. ``first``: the seq of the first. An erased event has no body."""
    found = _events(zstandard.ZstdDecompressor().decompress(body))
    return [StoredEvent(seq, *one) for seq, one in enumerate(found, first)]


def insert(database: sqlite3.Connection, entries: Sequence[Entry], total: int) -> int:
    """Write a row of events without a gap; return its bytes. ``total``: bytes of history before it."""
    rows = [entry[0] for entry in entries]
    body, index = pack(rows), index_of(entries)
    size = len(body) + len(index)
    seq, at, _, _, first_body, accepted = rows[0]
    values = (seq, len(rows), at, rows[-1][1], total + size, body, accepted - len(first_body))
    database.execute("INSERT INTO history VALUES (?,?,?,?,?,?,?)", values)
    database.execute("INSERT INTO history_hash VALUES (?,?)", (seq, index))
    return size


def index_of(entries: Sequence[Entry]) -> bytes:
    """Return the hashes of what events are found by.

    Where the session rules were asked, the event is not read again: the same ids but for those longer than
    ``LONGEST_ID``, for a microsecond less of each event (``tests/unit/spool/test_history.py``,
    ``bench forwarder --only history``).
    """
    texts = {row[3] for row, _, _ in entries}
    asked = [facts for _, facts, _ in entries if facts is not None]
    if len(asked) < len(entries):
        for row, facts, _ in entries:
            if facts is None:
                texts.update(keys_of(row[4]).texts())
    texts.update(map(str, {session_id for _, _, session_id in entries} - _NO_SESSION))
    texts |= _asked_texts(asked)
    return hashes(texts)


def _asked_texts(asked: Sequence[SessionFacts]) -> set[str]:
    """Return what events are found by of which the session rules were asked."""
    scoped = {facts.device for facts in asked}
    scoped |= {facts.user for facts in asked}
    if len({facts.rules.scope for facts in asked}) == 1:  # as nearly always, and a third of the time
        begin = len(asked[0].rules.scope) + 1
        texts = {key[begin:] for key in scoped}
    else:
        texts = {key.partition("\0")[2] for key in scoped}
    texts.update(map(str, {facts.given for facts in asked} - _NO_SESSION))
    return texts


def remove_upto(database: sqlite3.Connection, first: int, last: int) -> None:
    """Remove the rows up to the one with these edges, and what became of their events alone."""
    database.execute("DELETE FROM history WHERE first <= ?", (first,))
    database.execute("DELETE FROM history_hash WHERE first <= ?", (first,))
    remove_settled(database, last)


def remove_settled(database: sqlite3.Connection, upto: int) -> None:
    """Remove what became of events up to this seq alone."""
    database.execute("DELETE FROM settled WHERE last <= ?", (upto,))


def last_seq(database: sqlite3.Connection) -> tuple[int, int]:
    """Return the highest seq in history, and bytes of all its rows ever; 0 and 0 where there is none."""
    row = database.execute("SELECT first + events - 1, total FROM history ORDER BY first DESC LIMIT 1")
    found: tuple[int, int] = row.fetchone() or (0, 0)
    return found


def settle(database: sqlite3.Connection, destination: str, settlement: Settlement, now: int) -> None:
    """Write what a settlement says of events and requests, if it says something. ``now``: ms."""
    ends, sent = settlement.ends, settlement.sent
    if not (ends or sent):
        return
    edges = [(one.first, one.last) for one in ends]
    edges += [span for one in sent for span in one.events]
    first, last = min(edge[0] for edge in edges), max(edge[1] for edge in edges)
    if last - first < WIDEST:
        values = (destination, now, first, last, pack_settled(ends, sent))
        database.execute(_SETTLE, values)
        return
    for block in {block for begin, end in edges for block in range(begin // WIDEST, end // WIDEST + 1)}:
        begin = block * WIDEST
        settle(database, destination, _between(settlement, begin, begin + WIDEST - 1), now)


def _between(settlement: Settlement, begin: int, end: int) -> Settlement:
    """Return what a settlement says of the events from seq ``begin`` to ``end``."""
    ends = [
        one._replace(first=max(one.first, begin), last=min(one.last, end))
        for one in settlement.ends
        if one.first <= end and one.last >= begin
    ]
    sent = []
    for one in settlement.sent:
        spans = [(max(first, begin), min(last, end)) for first, last in one.events]
        if theirs := [span for span in spans if span[0] <= span[1]]:
            sent.append(one._replace(events=theirs))
    return settlement._replace(ends=ends, sent=sent)


def size_of(settlement: Settlement) -> int:
    """Return about how many bytes ``settle`` writes."""
    spans = len(settlement.ends) + sum(len(one.events) for one in settlement.sent)
    return _SETTLED_BYTES + 16 * spans + sum(_SENT_BYTES + len(one.answer) for one in settlement.sent)


WIDEST: Final = 65_536
"""Seqs between the first and the last event of a row about ends. So whoever asks about an event looks at the
rows of as many events after it, however long history is."""
_SETTLED_BYTES: Final = 60
_SENT_BYTES: Final = 40
"""Bytes of a settlement's row, and of a request in it, beside spans and answers."""


def pack_settled(ends: Sequence[Ended], sent: Sequence[SentBatch]) -> bytes:
    """Return ends and requests as a row has them."""
    return _encode((ends, sent))


def unpack_settled(body: bytes) -> tuple[list[Ended], list[SentBatch]]:
    """Return the ends and the requests of a row."""
    return _settled(body)


def turn_away(database: sqlite3.Connection, events: Sequence[TurnedAway], most_bytes: int) -> None:
    """Write events that ended at ingest, and let go of the oldest beyond ``most_bytes``."""
    body = _compress(_encode(events))
    row = database.execute("SELECT total FROM turned_away ORDER BY number DESC LIMIT 1").fetchone()
    total = (row[0] if row else 0) + len(body)
    values = (events[0].at, len(events), total, body)
    database.execute("INSERT INTO turned_away (at, events, total, body) VALUES (?,?,?,?)", values)
    database.execute("DELETE FROM turned_away WHERE total <= ?", (total - most_bytes,))


def unpack_turned_away(body: bytes) -> list[TurnedAway]:
    """Return the events of a row."""
    return _turned_away(zstandard.ZstdDecompressor().decompress(body))
