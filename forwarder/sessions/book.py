"""All devices' sessions of one spool: read at its start, changed with its transactions, bounded."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final

from forwarder.sessions.assigner import running, with_assigned, with_given
from forwarder.sessions.closer import SessionEnd, Watch, ended, ends_of
from forwarder.sessions.device import Device, Session, parted
from forwarder.sessions.facts import SERVER, Assigned, SessionFacts, SessionRules, id_of, is_device
from forwarder.sessions.rows import RowLog, SessionRow
from forwarder.sessions.stamp import assigned_reason, joined_reason
from forwarder.sessions.undoable import Undoable

DAY_MS: Final = 86_400_000
_MOST_CLEANED: Final = 2_000
"""States of old rows that one transaction looks through beyond twice those it writes."""


class SessionBook:
    """The state of all devices, to be used in the thread that writes the spool.

    Each transaction writes the devices it has changed as one row; rows that are mostly outdated are written
    again bit by bit, so the whole is at most about twice its contents. What a transaction did is undone
    by ``begin`` unless ``committed`` was called.
    """

    def __init__(self, max_devices: int = 1_000_000, keep_ms: int = DAY_MS) -> None:
        """``keep_ms``: how long a device is kept of which nothing comes."""
        self.max_devices, self.keep_ms = max_devices, keep_ms
        self._devices: Undoable[Device] = Undoable()
        self._users: Undoable[str] = Undoable()
        """User to the device he was last seen on; who asks sees whether that still is so."""
        self._rows = RowLog()
        self._watch = Watch()

    def __len__(self) -> int:
        """Return the number of devices."""
        return len(self._devices.values)

    def device(self, key: str) -> Device | None:
        """Return what is known of a device."""
        return self._devices.values.get(key)

    def load(self, rows: Iterable[SessionRow]) -> None:
        """Take in what the spool holds, oldest first."""
        devices = self._rows.load(rows)
        self._devices.values.update(devices)
        users = self._users.values
        for key, device in sorted(devices.items(), key=lambda item: (item[1].seen, item[1].row)):
            if device.user and is_device(key):
                users[device.user] = key
            if device.waiting:
                self._watch.add(key, device.seen)

    # -- a transaction

    def begin(self) -> None:
        """A transaction begins; what one did that came to nothing is undone."""
        self._devices.undo()
        self._users.undo()
        self._rows.undo()
        self._watch.undo()

    def committed(self) -> None:
        """What was changed is durable."""
        self._devices.commit()
        self._users.commit()
        self._rows.commit()
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
        given, time, rules = event.given, event.time, event.rules
        if given is None and event.kind == SERVER:
            joined = self._joined(event)
            if joined is not None or not rules.assigns(SERVER):
                return joined
        key = event.device or event.user
        device = self._devices.values.get(key)
        if device is None:
            # Nobody's first session needs no look at others: ``_slowly`` would find the same.
            session_id = time if given is None else given
            self._keep(event, key, None, Session(session_id, time, time, event.flags), (), now)
            return Assigned(session_id, _FIRST) if event.opening else None
        current = device.current
        if not _goes_on(current, time, given, rules):
            return self._slowly(event, key, device, now)
        going_on = Session(current.id, current.first, time, current.flags | event.flags)
        self._keep(event, key, device, going_on, device.past, now)
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
        devices, rules, user = self._devices, event.rules, event.user
        if key not in devices.before:
            devices.before[key] = device
        if user:
            if event.device and self._users.values.get(user) != key:
                self._users.set(user, key)
        elif device is not None:
            user = device.user
        waiting = device is not None and device.waiting
        if rules.close and not waiting:
            self._watch.add(key, now + rules.length)
            waiting = True
        devices.values[key] = Device(current, past, user, rules.source, now, self._rows.next, waiting)

    def _joined(self, event: SessionFacts) -> Assigned | None:
        """Return the session that runs on the event's device, else on the one its user was seen on last."""
        if not event.rules.join or not event.opening:
            return None
        for key in (event.device, self._users.values.get(event.user, "")):
            device = self._devices.values.get(key) if key else None
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
        changed, devices = self._devices.before, self._devices.values
        if not (changed or upto):
            return None
        return self._rows.write([(key, devices[key]) for key in changed if key in devices], now)

    def is_crowded(self) -> bool:
        """Return whether the oldest row is to be looked through: the rows hold much that is outdated."""
        live = len(self)
        return live > self.max_devices or self._rows.is_crowded(live)

    def is_outdated(self, at: int, now: int) -> bool:
        """Return whether the oldest row is to be looked through because of its age."""
        return now - at > self.keep_ms

    def allowance(self) -> int:
        """Return how many states of old rows this transaction may look through."""
        return 2 * len(self._devices.before) + _MOST_CLEANED

    def clean(self, row: SessionRow, now: int) -> None:
        """Let go of the oldest row: what still counts of it is written again, or is too old."""
        devices, number = self._devices.values, row.number
        excess = len(devices) - self.max_devices
        for key in row.keys():  # noqa: SIM118 - no dict
            device = devices.get(key)
            if device is None or device.row != number or key in self._devices.before:
                continue
            if excess > 0 or now - device.seen > self.keep_ms:
                excess -= 1
                self._devices.remove(key)
                if self._users.values.get(device.user) == key:
                    self._users.remove(device.user)
            else:
                self._devices.set(key, self._written(device, device.current, device.past, device.waiting))
        self._rows.remove(row)

    def forget(self, is_deleted: Callable[[str], bool]) -> set[str]:
        """Forget the devices of deleted users; return their keys. ``is_deleted``: tells by a user's id."""
        own = {key for key in self._devices.values if not is_device(key) and is_deleted(id_of(key))}
        found = own | {
            key for key, one in self._devices.values.items() if one.user and is_deleted(id_of(one.user))
        }
        for key in found:
            self._devices.remove(key)
        for user in [user for user, key in self._users.values.items() if key in found]:
            self._users.remove(user)
        return found

    def without(self, row: SessionRow, keys: set[str]) -> SessionRow | None:
        """Return a row without these devices, None where it has none of them; it is written in its place."""
        return self._rows.without(row, keys)

    def _written(self, device: Device, current: Session, past: tuple[Session, ...], waiting: bool) -> Device:
        """Return a device as this transaction writes it."""
        return Device(current, past, device.user, device.source, device.seen, self._rows.next, waiting)

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
            device = self._devices.values.get(key)
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
            current, past = device.current, device.past
            if over:
                current = ended(current) if current in over else current
                past = tuple(ended(one) if one in over else one for one in past)
            self._devices.set(key, self._written(device, current, past, next_at is not None))
        return found


def _goes_on(current: Session, time: int, given: int | None, rules: SessionRules) -> bool:
    """Return whether a device's current session goes on with an event that came in order, as most do.

    The fast path beside ``_slowly``, which would find the same: the models of
    ``tests/property/test_sessions.py`` are held to both, ``bench forwarder --only sessions`` has its gain.
    """
    idle = time - current.last
    if idle < 0:
        return False
    if given is not None:
        return given == current.id
    return idle < rules.length and not (rules.maximum or rules.new_on_user_change)


_ACTIVE: Final = assigned_reason("active")
_FIRST: Final = assigned_reason("first visit")
