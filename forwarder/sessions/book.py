"""All devices' sessions of one spool: read at its start, changed with its transactions, bounded."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import msgspec

from forwarder.sessions.assigner import running, with_assigned, with_given
from forwarder.sessions.closer import SessionEnd, Watch, ended, ends_of
from forwarder.sessions.device import Device, Session, parted
from forwarder.sessions.facts import (
    SERVER,
    Assigned,
    SessionFacts,
    SessionRules,
    id_of,
    is_device,
)
from forwarder.sessions.stamp import assigned_reason, joined_reason

DAY_MS: Final = 86_400_000
_SPARE: Final = 2_000
"""States in the spool beyond twice those that count, before older rows are written again."""
_MOST_CLEANED: Final = 2_000
"""States of old rows that one transaction looks through beyond twice those it writes."""
_encode = msgspec.msgpack.Encoder().encode
_States = list[tuple[str, Device]]
_decode = msgspec.msgpack.Decoder(_States).decode


class SessionRow(msgspec.Struct, frozen=True, array_like=True):
    """States that one transaction has changed. ``at``: ms since the epoch; ``states``: how many."""

    number: int
    at: int
    states: int
    body: bytes


class SessionBook:
    """The state of all devices, to be used in the thread that writes the spool.

    Each transaction writes the devices it has changed as one row; rows that are mostly outdated are written
    again bit by bit, so the whole is at most about twice its contents. What a transaction did is undone
    by ``begin`` unless ``committed`` was called.
    """

    def __init__(self, max_devices: int = 1_000_000, keep_ms: int = DAY_MS) -> None:
        """``keep_ms``: how long a device is kept of which nothing comes."""
        self.max_devices, self.keep_ms = max_devices, keep_ms
        self._devices: dict[str, Device] = {}
        self._users: dict[str, str] = {}
        """User to the device he was last seen on; who asks sees whether that still is so."""
        self._undo: dict[str, Device | None] = {}
        self._undo_users: dict[str, str | None] = {}
        self._number = self._states = 0
        self._saved = (0, 0)
        self._watch = Watch()

    def __len__(self) -> int:
        """Return the number of devices."""
        return len(self._devices)

    def device(self, key: str) -> Device | None:
        """Return what is known of a device."""
        return self._devices.get(key)

    def load(self, rows: Iterable[SessionRow]) -> None:
        """Take in what the spool holds, oldest first."""
        devices = self._devices
        for row in rows:
            devices.update(_decode(row.body))
            self._number, self._states = row.number, self._states + row.states
        for key, device in sorted(devices.items(), key=lambda item: (item[1].seen, item[1].row)):
            if device.user and is_device(key):
                self._users[device.user] = key
            if device.waiting:
                self._watch.add(key, device.seen)
        self._saved = (self._number, self._states)

    # -- a transaction

    def begin(self) -> None:
        """A transaction begins; what one did that came to nothing is undone."""
        for key, device in self._undo.items():
            if device is None:
                self._devices.pop(key, None)
            else:
                self._devices[key] = device
        for user, before in self._undo_users.items():
            if before is None:
                self._users.pop(user, None)
            else:
                self._users[user] = before
        self._undo, self._undo_users = {}, {}
        self._number, self._states = self._saved
        self._watch.undo()

    def committed(self) -> None:
        """What was changed is durable."""
        self._undo, self._undo_users = {}, {}
        self._saved = (self._number, self._states)
        self._watch.committed()

    def assign(self, events: Sequence[SessionFacts | None], now: int) -> list[Assigned | None]:
        """Return the decision about each event that needs one. Events that come together are sorted by time.

        ``now``: when they are accepted, ms since the epoch.
        """
        one = self._one
        times = [event.time for event in events if event is not None]
        if times == sorted(times):
            return [None if event is None else one(event, now) for event in events]
        found: list[Assigned | None] = [None] * len(events)
        for _, index, event in sorted(
            (event.time, index, event) for index, event in enumerate(events) if event is not None
        ):
            found[index] = one(event, now)
        return found

    def _one(self, event: SessionFacts, now: int) -> Assigned | None:
        if event.given is None and event.kind == SERVER:
            joined = self._joined(event)
            if joined is not None or not event.rules.assigns(SERVER):
                return joined
        key = event.device or event.user
        device = self._devices.get(key)
        if device is None:
            # Nobody's first session needs no look at others: ``_slowly`` would find the same.
            session_id = event.time if event.given is None else event.given
            first = Session(session_id, event.time, event.time, event.flags)
            self._keep(event, key, None, first, (), now)
            return Assigned(session_id, _FIRST) if event.opening else None
        if not _goes_on(device.current, event):
            return self._slowly(event, key, device, now)
        current, time = device.current, event.time
        flags = current.flags | event.flags
        if time > current.last or flags != current.flags:
            current = Session(current.id, current.first, time, flags)
        self._keep(event, key, device, current, device.past, now)
        return Assigned(current.id, _ACTIVE) if event.opening else None

    def _slowly(self, event: SessionFacts, key: str, device: Device, now: int) -> Assigned | None:
        if event.given is not None:
            sessions = with_given(device, event)
            self._keep(event, key, device, *parted(sessions), now)
            return None
        sessions, found, kind = with_assigned(device, event)
        self._keep(event, key, device, *parted(sessions), now)
        return Assigned(found.id, assigned_reason(kind)) if event.opening else None

    def _keep(
        self,
        event: SessionFacts,
        key: str,
        device: Device | None,
        current: Session,
        past: tuple[Session, ...],
        now: int,
    ) -> None:
        if key not in self._undo:
            self._undo[key] = device
        user, waiting = event.user, device is not None and device.waiting
        if not user:
            user = device.user if device is not None else ""
        elif event.device and self._users.get(user) != key:
            self._undo_users.setdefault(user, self._users.get(user))
            self._users[user] = key
        if event.rules.close and not waiting:
            self._watch.add(key, now + event.rules.length)
            waiting = True
        self._devices[key] = Device(current, past, user, event.rules.source, now, self._saved[0] + 1, waiting)

    def _joined(self, event: SessionFacts) -> Assigned | None:
        """Return the session that runs on the event's device, else on the one its user was seen on last."""
        if not event.rules.join or not event.opening:
            return None
        for key in (event.device, self._users.get(event.user, "")):
            device = self._devices.get(key) if key else None
            session = running(device, event)
            if (
                session is not None
                and device is not None
                and (key == event.device or device.user == event.user)
            ):
                return Assigned(session.id, joined_reason(id_of(key)), key)
        return None

    # -- what the spool keeps

    def changed(self, now: int, upto: int = 0) -> SessionRow | None:
        """Return the row that this transaction has to write, None for none.

        ``now``: ms since the epoch; ``upto``: the last row that was looked through, 0 for none.
        """
        if not (self._undo or upto):
            return None
        states = [(key, device) for key in self._undo if (device := self._devices.get(key)) is not None]
        self._number += 1
        self._states += len(states)
        return SessionRow(self._number, now, len(states), _encode(states))

    def is_crowded(self) -> bool:
        """Return whether the oldest row is to be looked through: the rows hold much that is outdated."""
        live = len(self._devices)
        return live > self.max_devices or self._states > 2 * live + _SPARE

    def is_outdated(self, at: int, now: int) -> bool:
        """Return whether the oldest row is to be looked through because of its age."""
        return now - at > self.keep_ms

    def allowance(self) -> int:
        """Return how many states of old rows this transaction may look through."""
        return 2 * len(self._undo) + _MOST_CLEANED

    def clean(self, row: SessionRow, now: int) -> None:
        """Let go of the oldest row: what still counts of it is written again, or is too old."""
        excess = len(self._devices) - self.max_devices
        for key, _ in _decode(row.body):
            device = self._devices.get(key)
            if device is None or device.row != row.number or key in self._undo:
                continue
            self._undo[key] = device
            del self._devices[key]
            if excess > 0 or now - device.seen > self.keep_ms:
                excess -= 1
                self._forget_user(key, device)
            else:
                self._devices[key] = Device(
                    *(device.current, device.past, device.user, device.source, device.seen),
                    self._saved[0] + 1,
                    device.waiting,
                )
        self._states -= row.states

    def _forget_user(self, key: str, device: Device) -> None:
        if self._users.get(device.user) == key:
            self._undo_users.setdefault(device.user, key)
            del self._users[device.user]

    # -- sessions that nobody continued

    def is_due(self, now: int) -> bool:
        """Return whether some may have ended. May be called from any thread."""
        return self._watch.is_due(now)

    def end(self, rules: Mapping[str, SessionRules], now: int, since: int) -> list[SessionEnd]:
        """Return the ends of sessions that nobody continued, and take note that they are sent.

        ``rules``: by source; ``since``: when this forwarder began to take events: what nobody could send
        before, its sender may still send.
        """
        found: list[SessionEnd] = []
        for key in self._watch.due(now):
            device = self._devices.get(key)
            if device is None or not device.waiting:
                continue
            own = rules.get(device.source)
            over, next_at = ends_of(device, own, now, since) if own is not None else ([], None)
            if next_at is not None:
                self._watch.add(key, next_at)
                if not over:
                    continue
            found += [
                SessionEnd(id_of(key), is_device(key), id_of(device.user), device.source, one) for one in over
            ]
            self._undo.setdefault(key, device)
            past = device.past
            self._devices[key] = Device(
                ended(device.current) if device.current in over else device.current,
                tuple(ended(one) if one in over else one for one in past) if past else past,
                device.user,
                device.source,
                device.seen,
                self._saved[0] + 1,
                next_at is not None,
            )
        return found


def _goes_on(current: Session, event: SessionFacts) -> bool:
    """Return whether a device's current session goes on with an event that came in order, as most do.

    The fast path beside ``_slowly``, which would find the same: the models of
    ``tests/property/test_sessions.py`` are held to both, ``bench forwarder --only sessions`` has its gain.
    """
    if event.time < current.last:
        return False
    if event.given is not None:
        return event.given == current.id
    rules = event.rules
    return event.time - current.last < rules.length and not (rules.maximum or rules.new_on_user_change)


_ACTIVE: Final = assigned_reason("active")
_FIRST: Final = assigned_reason("first visit")
