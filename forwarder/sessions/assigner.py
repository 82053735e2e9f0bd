"""Which session an event of a device is in, by the time at which it happened: plain functions of values.

Without ids that pages and apps gave, each event gets the session that it would be in, had all events that
came so far come in order of their times. A session is called by the id that its earliest event got when it
came, and what was decided once stays.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence

from forwarder.sessions.device import CLIENT, GIVEN, Device, Session, kept
from forwarder.sessions.facts import SessionFacts, SessionRules
from forwarder.sessions.policy import goes_on, reason_at


def with_given(device: Device | None, event: SessionFacts) -> tuple[Session, ...]:
    """Return the device's sessions after an event that brought its session id, oldest first."""
    time, session_id = event.time, event.given
    assert session_id is not None
    sessions = [] if device is None else list(device.sessions)
    for index, one in enumerate(sessions):
        if one.id == session_id:
            found = Session(session_id, min(one.first, time), max(one.last, time), one.flags | event.flags)
            sessions[index] = found
            return _ordered(sessions, found)
    last = time
    for index, one in enumerate(sessions):
        if not one.flags & GIVEN and one.first <= time < one.last:
            # What was assigned after this moment has been the given session ever since.
            last = one.last
            sessions[index] = Session(one.id, one.first, time, one.flags)
    new = Session(session_id, time, last, event.flags)
    return _ordered([*sessions, new], new)


def with_assigned(device: Device | None, event: SessionFacts) -> tuple[tuple[Session, ...], Session, str]:
    """Return the device's sessions after an event without id, its session, and the policy's reason."""
    time, rules = event.time, event.rules
    sessions = [] if device is None else list(device.sessions)
    flags = event.flags
    place = bisect_right(sessions, time, key=_first)
    before = _latest(sessions[:place], time)
    after = sessions[place] if place < len(sessions) else None
    another = after is None and is_another_user(device, event)
    if before is not None and goes_on(before, time, rules) and not another:
        joined = Session(before.id, before.first, max(before.last, time), before.flags | flags)
        if after is not None and _are_one(joined, after, rules):
            joined = Session(joined.id, joined.first, max(joined.last, after.last), joined.flags | flags)
            del sessions[place]
        sessions[sessions.index(before)] = joined
        return tuple(sessions), joined, "active"
    if after is not None and _begins_earlier(after, time, rules):
        joined = Session(after.id, time, after.last, after.flags | flags)
        sessions[place] = joined
        return tuple(sessions), joined, "active"
    new = Session(time, time, time, flags)
    sessions.insert(place, new)
    return _ordered(sessions, new), new, reason_at(before, time, rules, another)


def running(device: Device | None, event: SessionFacts) -> Session | None:
    """Return the session that runs on the device when the event happens, None where none does."""
    if device is None:
        return None
    found = _latest([one for one in device.sessions if one.first <= event.time], event.time)
    if found is None or not found.flags & CLIENT or not goes_on(found, event.time, event.rules):
        return None
    return found


def is_another_user(device: Device | None, event: SessionFacts) -> bool:
    """Return whether the event is of another user than the device's last one, and a session ends by that."""
    return (
        device is not None
        and event.rules.new_on_user_change
        and event.user not in ("", device.user)
        and device.user != ""
    )


def _latest(sessions: Sequence[Session], time: int) -> Session | None:
    """Return the session that was active last before ``time``, of those that had begun by then."""
    return max(sessions, key=lambda one: (min(one.last, time), one.first), default=None)


def _first(session: Session) -> int:
    return session.first


def _are_one(before: Session, after: Session, rules: SessionRules) -> bool:
    """Return whether an event between two sessions has made them one."""
    return not after.flags & GIVEN and goes_on(before, after.first, rules) and _fits(before.id, after, rules)


def _begins_earlier(session: Session, time: int, rules: SessionRules) -> bool:
    """Return whether a session that was assigned began with this earlier event."""
    return (
        not session.flags & GIVEN and not session.first - time >= rules.length and _fits(time, session, rules)
    )


def _fits(began: int, session: Session, rules: SessionRules) -> bool:
    return not rules.new_on_user_change and not 0 < rules.maximum <= session.last - began


def _ordered(sessions: Sequence[Session], newest: Session) -> tuple[Session, ...]:
    return tuple(sorted(kept(list(sessions), newest), key=_first))
