"""The rows in which a spool keeps devices' sessions: a log of changes, a transaction's in one row."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import msgspec

from forwarder.sessions.device import Device

SPARE: Final = 2_000
"""States in the spool beyond twice those that count, before older rows are written again."""
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
    """The counts of rows, and of states in them; a transaction's changes can be undone."""

    def __init__(self) -> None:
        self.next = 1
        """The number of the row that the transaction writes."""
        self._number = self._states = 0
        self._saved = (0, 0)

    def load(self, rows: Iterable[SessionRow]) -> dict[str, Device]:
        """Count what the spool holds, oldest first; return the states by key."""
        devices: dict[str, Device] = {}
        for row in rows:
            devices.update(row.devices())
            self._number, self._states = row.number, self._states + row.states
        self.commit()
        return devices

    def write(self, states: list[tuple[str, Device]], now: int) -> SessionRow:
        """Return the transaction's row. ``now``: ms since the epoch."""
        self._number += 1
        self._states += len(states)
        return SessionRow(self._number, now, len(states), _encode(states))

    def remove(self, row: SessionRow) -> None:
        """Note that a row goes."""
        self._states -= row.states

    def without(self, row: SessionRow, keys: set[str]) -> SessionRow | None:
        """Return a row without the states of these keys, None where it has none of them."""
        if keys.isdisjoint(row.keys()):
            return None
        left = [(key, device) for key, device in row.devices() if key not in keys]
        self._states -= row.states - len(left)
        return SessionRow(row.number, row.at, len(left), _encode(left))

    def is_crowded(self, live: int) -> bool:
        """Return whether the rows hold much that is outdated. ``live``: states that count."""
        return self._states > 2 * live + SPARE

    def commit(self) -> None:
        """Keep what was noted."""
        self._saved = (self._number, self._states)
        self.next = self._number + 1

    def undo(self) -> None:
        """Undo what was noted since the last commit."""
        self._number, self._states = self._saved
