"""The rows in which a spool keeps devices' sessions: a log of changes, a transaction's in one row."""

from __future__ import annotations

from array import array
from collections.abc import Iterable
from typing import Final

import msgspec

from forwarder.sessions.device import Device

SPARE_STATES: Final = 100_000
"""States in the spool beyond twice those that count, before older rows are written again. It is 11 MB on the
disk and a quarter of a second at a start; a small site's rows then mostly hold nothing more when they go."""
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(list[tuple[str, Device]]).decode
_decode_keys = msgspec.msgpack.Decoder(list[tuple[str, msgspec.Raw]]).decode


class SessionRow(msgspec.Struct, frozen=True, array_like=True):
    """States that one transaction has changed. ``at``: ms since the epoch; ``states``: how many."""

    number: int
    at: int
    states: int
    body: bytes

    def devices(self) -> list[tuple[str, Device]]:
        """Return the states by the devices' keys."""
        return _decode(self.body)

    def keys(self) -> list[str]:
        """Return the devices' keys, in a sixth of the time."""
        return [key for key, _ in _decode_keys(self.body)]


class RowLog:
    """The counts of rows, and of states in them; a transaction's changes can be undone.

    Of each row it is known how many of its states still count, so one that holds none goes unread.
    """

    def __init__(self) -> None:
        self.next = 1
        """The number of the row that the transaction writes."""
        self._number = self._states = 0
        self._saved = (0, 0)
        self._first = 1
        """The number of the oldest row."""
        self._live = array("q")
        """Of each row from the oldest on: its states that count, as far as transactions are committed."""
        self._written = self._upto = 0
        """States of the row that the transaction writes, and the number of the last row that it removes."""

    def load(self, rows: Iterable[SessionRow]) -> dict[str, Device]:
        """Count what the spool holds, oldest first; return the states by key."""
        devices: dict[str, Device] = {}
        numbers = []
        for row in rows:
            devices.update(row.devices())
            self._number, self._states = row.number, self._states + row.states
            numbers.append(row.number)
        self._saved, self.next = (self._number, self._states), self._number + 1
        self._first = min(numbers, default=self.next)
        self._live = array("q", bytes(8 * (self.next - self._first)))
        for device in devices.values():
            self._live[device.row - self._first] += 1
        return devices

    def write(self, states: list[tuple[str, Device]], now: int) -> SessionRow:
        """Return the transaction's row. ``now``: ms since the epoch."""
        self._number += 1
        self._written = len(states)
        self._states += self._written
        return SessionRow(self._number, now, len(states), _encode(states))

    def remove(self, row: SessionRow) -> None:
        """Note that the oldest row goes."""
        self._states -= row.states
        self._upto = row.number

    def is_dead(self, number: int) -> bool:
        """Return whether no state of a row counts any more."""
        return not self._live[number - self._first]

    def without(self, row: SessionRow, keys: set[str]) -> SessionRow | None:
        """Return a row without the states of these keys, None where it has none of them."""
        if keys.isdisjoint(row.keys()):
            return None
        left = [(key, device) for key, device in row.devices() if key not in keys]
        self._states -= row.states - len(left)
        return SessionRow(row.number, row.at, len(left), _encode(left))

    def is_crowded(self, live: int) -> bool:
        """Return whether the rows hold much that is outdated. ``live``: states that count."""
        return self._states > 2 * live + SPARE_STATES

    def commit(self, replaced: Iterable[int]) -> None:
        """Keep what was noted. ``replaced``: the rows of states that another one replaced, or that went."""
        if self._number >= self.next:
            live, first = self._live, self._first
            for number in replaced:
                live[number - first] -= 1
            live.append(self._written)
            self.next = self._number + 1
            if self._upto:
                del live[: self._upto + 1 - first]
                self._first = self._upto + 1
        self._saved = (self._number, self._states)
        self._written = self._upto = 0

    def undo(self) -> None:
        """Undo what was noted since the last commit."""
        self._number, self._states = self._saved
        self._written = self._upto = 0
