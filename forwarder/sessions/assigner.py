"""Which session an event of a device is in, by the time at which it happened: plain functions of values.

Without ids that pages and apps gave, each event gets the session that it would be in, had all events that
came so far come in order of their times. An event that comes late may show that others, which came before it,
are in another session than was thought: that is a renaming. It concerns only those that no destination has
been handed yet, and a session of which one has been keeps its id; ``final`` says up to which seq that is so.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from typing import NamedTuple

from msgspec.structs import replace

from forwarder.sessions.device import CLIENT, ENDED, GIVEN, Device, Session, kept
from forwarder.sessions.facts import SessionFacts, SessionRules
from forwarder.sessions.policy import goes_on, reason_at

ALL_OF_IT = -1
"""The time since which all events of a session are in another one."""


class Renamed(NamedTuple):
    """Events of the session ``old`` that happened after ``since`` (ms) are in the session ``new``.

    ``born``: see ``Session``, of the old one.
    """

    old: int
    new: int
    since: int
    born: int


class Change(NamedTuple):
    """A device's sessions after an event, oldest first, the event's own, and the policy's reason for it."""

    sessions: tuple[Session, ...]
    found: Session
    kind: str = ""
    renamed: tuple[Renamed, ...] = ()


def with_event(device: Device, event: SessionFacts, seq: int, final: int) -> Change:
    """Return what an event with this seq makes of a device."""
    if event.given is None:
        return _with_assigned(device, event, seq, final)
    return _with_given(device, event, event.given, seq)


def going_on_with(device: Device, event: SessionFacts, seq: int) -> Session | None:
    """Return the device's current session with one more event, where that is plain, as it nearly always is.

    The fast path beside ``with_event``, which would find the same (``tests/property/test_sessions.py``): an
    event that came in order, or that has the id of the only session. ``bench forwarder --only sessions``.
    """
    current, time = device.current, event.time
    said, first, last = current.given, current.first, current.last
    if time <= last and device.past:
        return None
    if event.given is None:
        rules = event.rules
        if time < last or not time - last < rules.length or rules.maximum or rules.new_on_user_change:
            return None
        last = time
    elif event.given != current.id:
        return None
    elif time >= last:
        said = last = time
    else:
        first, said = min(first, time), max(said, time)
    # Of events that come together, the one that was accepted first may be the later one.
    born = current.born if current.born < seq else seq
    return Session(current.id, first, last, current.flags | event.flags, born, said)


def _with_given(device: Device, event: SessionFacts, session_id: int, seq: int) -> Change:
    """Return what an event that brought its session id makes of a device.

    What was assigned at this moment or later has been the given session's since, up to the next given one. Of
    ids that were given at the same moment the highest counts last.
    """
    time, sessions = event.time, list(device.sessions)
    own = next((one for one in sessions if one.id == session_id), None)
    if own is None:
        found = Session(session_id, time, time, event.flags, seq, time)
    else:
        sessions.remove(own)
        first, last = min(own.first, time), max(own.last, time)
        born, given = min(own.born, seq), max(own.given, time)
        found = Session(session_id, first, last, own.flags | event.flags, born, given)
    left: list[Session] = []
    renamed: list[Renamed] = []
    is_next = False
    for one in sessions:
        is_next = is_next or bool(one.flags & GIVEN and (one.first, one.id) > (time, session_id))
        since = None if is_next else _since(one, time, found, event.rules)
        if since != ALL_OF_IT:
            left.append(one if since is None else replace(one, last=max(since, one.given)))
        if since is not None:
            found = replace(found, last=max(found.last, one.last))
            if not one.flags & ENDED:
                renamed.append(Renamed(one.id, found.id, since, one.born))
    return Change(_ordered([*left, found], found), found, renamed=tuple(renamed))


def _since(one: Session, time: int, found: Session, rules: SessionRules) -> int | None:
    """Return since when a session is the given one, which has an event at ``time``; None where it stays."""
    if one.flags & GIVEN:
        is_over = one.first <= time and one.given > 0 and (one.given, one.id) < (time, found.id)
        return time - 1 if is_over and time <= one.last else None
    if one.first < time:
        return time - 1 if time <= one.last else None
    joins = one.first - found.last < rules.length
    return ALL_OF_IT if joins and _fits(found.id, one, rules) else None


def _with_assigned(device: Device, event: SessionFacts, seq: int, final: int) -> Change:
    """Return what an event without id makes of a device."""
    time, rules = event.time, event.rules
    sessions = list(device.sessions)
    flags = event.flags
    place = bisect_right(sessions, time, key=_first)
    before = _latest(sessions[:place], time)
    after = sessions[place] if place < len(sessions) else None
    another = after is None and is_another_user(device, event)
    if before is not None and goes_on(before, time, rules) and not another:
        born, last = min(before.born, seq), max(before.last, time)
        joined = replace(before, last=last, flags=before.flags | flags, born=born)
        renamed: tuple[Renamed, ...] = ()
        if after is not None and _are_one(joined, after, rules):
            joined, renamed = _as_one(joined, after, final)
            del sessions[place]
        sessions[sessions.index(before)] = joined
        return Change(tuple(sessions), joined, "active", renamed)
    same = next((one for one in sessions if one.id == time), None)
    if same is not None:  # a page called its session by this moment
        born, last = min(same.born, seq), max(same.last, time)
        joined = replace(same, first=min(same.first, time), last=last, flags=same.flags | flags, born=born)
        sessions[sessions.index(same)] = joined
        return Change(tuple(sorted(sessions, key=_first)), joined, "active")
    kind = reason_at(before, time, rules, another)
    if after is not None and _begins_earlier(after, time, rules):
        return _earlier(sessions, place, event, kind, seq, final)
    new = Session(time, time, time, flags, seq)
    sessions.insert(place, new)
    return Change(_ordered(sessions, new), new, kind)


def _earlier(
    sessions: list[Session], place: int, event: SessionFacts, kind: str, seq: int, final: int
) -> Change:
    """Return the change by an event that a session began with; ``kind``: the reason why it began."""
    time, one = event.time, sessions[place]
    begun = replace(one, first=time, flags=one.flags | event.flags, born=min(one.born, seq))
    if _is_final(one, final):
        sessions[place] = begun
        return Change(tuple(sessions), begun, "active")
    begun = sessions[place] = replace(begun, id=time)
    return Change(tuple(sessions), begun, kind, (Renamed(one.id, time, ALL_OF_IT, one.born),))


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
    return max(sessions, key=lambda one: (min(one.last, time), one.first, one.id), default=None)


def _first(session: Session) -> int:
    return session.first


def _is_final(session: Session, final: int) -> bool:
    """Return whether a session keeps its id: it was given, its end was sent, or an event was handed on."""
    return session.born <= final or bool(session.flags & (GIVEN | ENDED))


def _are_one(before: Session, after: Session, rules: SessionRules) -> bool:
    """Return whether an event between two sessions has made them one."""
    return not after.flags & GIVEN and goes_on(before, after.first, rules) and _fits(before.id, after, rules)


def _as_one(before: Session, after: Session, final: int) -> tuple[Session, tuple[Renamed, ...]]:
    """Return the one that two sessions are, by the id of the first whose id is final, else of the first."""
    first = _is_final(before, final) or not _is_final(after, final)
    named, other = (before, after) if first else (after, before)
    flags = before.flags | after.flags & (~0 if named is after else ~ENDED)
    last, born = max(before.last, after.last), min(before.born, after.born)
    one = Session(named.id, before.first, last, flags, born, before.given)
    if other.flags & ENDED:
        return one, ()
    return one, (Renamed(other.id, named.id, ALL_OF_IT, other.born),)


def _begins_earlier(session: Session, time: int, rules: SessionRules) -> bool:
    """Return whether a session that was assigned began with this earlier event."""
    return (
        not session.flags & GIVEN and not session.first - time >= rules.length and _fits(time, session, rules)
    )


def _fits(began: int, session: Session, rules: SessionRules) -> bool:
    return not rules.new_on_user_change and not 0 < rules.maximum <= session.last - began


def _ordered(sessions: Sequence[Session], newest: Session) -> tuple[Session, ...]:
    return tuple(sorted(kept(list(sessions), newest), key=_first))
