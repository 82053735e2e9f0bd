"""All devices' sessions of one spool: read at its start, changed with its transactions, bounded."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from forwarder.sessions.assigner import going_on_with, running
from forwarder.sessions.closer import SessionEnd, Watch, ended, ends_of
from forwarder.sessions.device import Device, Session, parted
from forwarder.sessions.devices import Devices
from forwarder.sessions.facts import SERVER, Assigned, SessionFacts, SessionRules, id_of, is_device
from forwarder.sessions.late_events import LateEvents
from forwarder.sessions.renaming import SessionNames
from forwarder.sessions.rows import RowLog, SessionRow
from forwarder.sessions.stamp import assigned_reason, joined_reason

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
        self.late = LateEvents(SessionNames())
        self.devices = Devices()
        self.rows = RowLog()
        self._watch = Watch()

    def __len__(self) -> int:
        """Return the number of devices."""
        return len(self.devices)

    def device(self, key: str) -> Device | None:
        """Return what is known of a device."""
        return self.devices.get(key)

    def load(self, rows: Iterable[SessionRow], names: SessionNames) -> None:
        """Take in what the spool holds, rows oldest first."""
        self.late = LateEvents(names)
        devices = self.rows.load(rows)
        self.devices.load(devices)
        for key, device in devices.items():
            if device.waiting:
                self._watch.add(key, device.seen)

    # -- a transaction

    def begin(self) -> None:
        """A transaction begins; what one did that came to nothing is undone."""
        self.devices.undo()
        self.rows.undo()
        self._watch.undo()
        self.late.begin()

    def committed(self, first: int = 0) -> None:
        """What was changed is durable. ``first``: the lowest seq that is still to be handed on."""
        self.rows.commit(self.devices.replaced)
        self.devices.commit()
        self._watch.committed()
        self.late.committed(first)

    def assign(self, events: Sequence[SessionFacts | None], now: int, base: int = 0) -> list[Assigned | None]:
        """Return the decision about each event that needs one. Events that come together are sorted by time.

        ``now``: when they are accepted, ms since the epoch; ``base``: the seq before the first one's.
        """
        one = self._one
        found: list[Assigned | None] = [None] * len(events)
        some = [index for index, event in enumerate(events) if event is not None]
        times = [event.time for event in events if event is not None]
        if times != sorted(times):
            some = [index for _, index in sorted(zip(times, some, strict=True))]
        for index in some:
            event = events[index]
            assert event is not None
            found[index] = one(event, now, base + index + 1)
        self.late.date(base, base + len(events))
        return found

    def _one(self, event: SessionFacts, now: int, seq: int) -> Assigned | None:
        given, time = event.given, event.time
        if given is None and event.kind == SERVER:
            joined = self._joined(event)
            if joined is not None or not event.rules.assigns(SERVER):
                return joined
        key = event.device or event.user
        device = self.devices.get(key)
        if device is None:
            # Nobody's first session needs no look at others: ``_slowly`` would find the same.
            session_id, said = (time, 0) if given is None else (given, time)
            self._keep(event, key, None, Session(session_id, time, time, event.flags, seq, said), (), now)
            return Assigned(session_id, _FIRST) if event.opening else None
        going_on = going_on_with(device, event, seq)
        if going_on is None:
            return self._slowly(event, key, device, now, seq)
        self._keep(event, key, device, going_on, device.past, now)
        return Assigned(going_on.id, _ACTIVE) if event.opening else None

    def _slowly(self, event: SessionFacts, key: str, device: Device, now: int, seq: int) -> Assigned | None:
        change = self.late.change(device, event, key, seq)
        self._keep(event, key, device, *parted(change.sessions), now)
        given = event.given is not None
        return (
            Assigned(change.found.id, assigned_reason(change.kind)) if event.opening and not given else None
        )

    def _keep(
        self,
        event: SessionFacts,
        key: str,
        device: Device | None,
        current: Session,
        past: tuple[Session, ...],
        now: int,
    ) -> None:
        devices, rules, user = self.devices, event.rules, event.user
        if user:
            if event.device and devices.users.get(user) != key:
                devices.users.set(user, key)
        elif device is not None:
            user = device.user
        waiting = device is not None and device.waiting
        if rules.close and not waiting:
            self._watch.add(key, now + rules.length)
            waiting = True
        made = Device(current, past, user, rules.source, now, self.rows.next, waiting)
        devices.put(key, device, made)

    def _joined(self, event: SessionFacts) -> Assigned | None:
        """Return the session that runs on the event's device, else on the one its user was seen on last."""
        if not event.rules.join or not event.opening:
            return None
        for key in (event.device, self.devices.users.get(event.user) or ""):
            device = self.devices.get(key) if key else None
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
        changed = self.devices.changed
        if not (changed or upto):
            return None
        return self.rows.write([(key, one) for key, one in changed.items() if one is not None], now)

    def is_crowded(self) -> bool:
        """Return whether the oldest row is to be looked through: the rows hold much that is outdated."""
        live = len(self)
        return live > self.max_devices or self.rows.is_crowded(live)

    def is_outdated(self, at: int, now: int) -> bool:
        """Return whether the oldest row is to be looked through because of its age."""
        return now - at > self.keep_ms

    def allowance(self) -> int:
        """Return how many states of old rows this transaction may look through."""
        return 2 * len(self.devices.changed) + _MOST_CLEANED

    def is_dead(self, number: int) -> bool:
        """Return whether nothing of a row counts any more, so that nobody need read it."""
        return self.rows.is_dead(number)

    def drop(self, row: SessionRow) -> None:
        """Let go of the oldest row, of which nothing counts any more."""
        self.rows.remove(row)

    def clean(self, row: SessionRow, now: int) -> None:
        """Let go of the oldest row: what still counts of it is written again, or is too old."""
        devices, number, found = self.devices, row.number, self.devices.get
        excess = len(devices) - self.max_devices
        for key in row.keys():  # noqa: SIM118 - a row is no dict
            device = found(key)
            if device is None or device.row != number:
                continue
            if excess > 0 or now - device.seen > self.keep_ms:
                excess -= 1
                devices.forget(key)
            else:
                devices.put(key, device, self._written(device, device.current, device.past, device.waiting))
        self.rows.remove(row)

    def _written(self, device: Device, current: Session, past: tuple[Session, ...], waiting: bool) -> Device:
        """Return a device as this transaction writes it."""
        return Device(current, past, device.user, device.source, device.seen, self.rows.next, waiting)

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
            device = self.devices.get(key)
            if device is None or not device.waiting:
                continue
            own = rules.get(device.source)
            over, next_at = ends_of(device, own, now, since) if own is not None else ([], None)
            if next_at is not None:
                self._watch.add(key, next_at)
                if not over:
                    continue
            current, past = device.current, device.past
            if over:
                who, user, on_device = id_of(key), id_of(device.user), is_device(key)
                found += [SessionEnd(who, on_device, user, device.source, one) for one in over]
                current = ended(current) if current in over else current
                if past:
                    past = tuple([ended(one) if one in over else one for one in past])
            self.devices.put(key, device, self._written(device, current, past, next_at is not None))
        return found


_ACTIVE: Final = assigned_reason("active")
_FIRST: Final = assigned_reason("first visit")
