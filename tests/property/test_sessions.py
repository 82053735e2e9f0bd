"""Sessions that the forwarder assigns: any interleaving and delay of events, against models of its rules."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from browser_plugin.session import decide
from forwarder.sessions.book import SessionBook
from forwarder.sessions.facts import PAGE, SERVER, Assigned, SessionFacts, device_key, user_key
from forwarder.sessions.renaming import SessionNames
from tests.support.late_events import LENGTH, RULES, facts
from tests.support.sessions import MINUTE, START

MOMENTS = st.integers(0, 200).map(lambda minutes: START + minutes * MINUTE)
"""A few sessions, dense enough that late events join some and bridge others."""
DELAYS = st.integers(0, 5)


def came(book: SessionBook, events: Sequence[SessionFacts], now: int = START) -> list[Assigned | None]:
    """Have events accepted in one transaction."""
    book.begin()
    done = book.assign(events, now)
    book.changed(now)
    book.committed()
    return done


@settings(max_examples=200)
@given(
    st.lists(
        st.tuples(MOMENTS, st.none() | st.integers(0, 3).map(lambda hour: START + hour * 60 * MINUTE)),
        min_size=1,
        max_size=15,
        unique_by=lambda one: one[0],
    ),
    st.sampled_from([0, 3_600_000, 2_000_000]),
    st.sampled_from([LENGTH, 0, 60_000]),
    st.permutations(range(15)),
)
def test_events_that_come_together_are_decided_in_the_order_of_their_times(
    events: list[tuple[int, int | None]], maximum: int, length: int, order: list[int]
) -> None:
    """The page's policy event by event gives the same, also beside ids that were given, in whatever order."""
    rules = msgspec.structs.replace(RULES, maximum=maximum, length=length)
    stored: tuple[str | None, str | None] = (None, None)
    wanted: dict[int, int] = {}
    for time, session_id in sorted(events):
        if session_id is None:
            wanted[time] = decide(*stored, time, length, maximum, reset=False)["session_id"]
        stored = str(session_id or wanted[time]), str(time)
        if session_id is not None and session_id in wanted.values():
            return  # a page that gives an id which the forwarder made up is no page of the plugin
    ids = [session_id for _, session_id in sorted(events) if session_id is not None]
    if ids != sorted(ids) or any(session_id > time for time, session_id in events if session_id):
        return  # a page's ids grow with time
    shuffled = [events[index] for index in order if index < len(events)]
    done = came(SessionBook(), [facts(time, rules, session_id) for time, session_id in shuffled])
    got = {time: one.session_id for (time, _), one in zip(shuffled, done, strict=True) if one}
    assert got == wanted


@settings(max_examples=200)
@given(
    st.lists(st.tuples(MOMENTS, st.sampled_from([None, START, START + 70 * MINUTE, 5]), DELAYS), max_size=20)
)
def test_a_given_id_is_never_contradicted(events: list[tuple[int, int | None, int]]) -> None:
    """Nothing is decided about an event with an id, and its session keeps that id whatever comes."""
    book = SessionBook()
    for time, session_id, _ in sorted(events, key=lambda one: one[2]):
        [done] = came(book, [facts(time, session_id=session_id)])
        assert (done is None) is (session_id is not None)
        device = book.device(device_key("", "d-1"))
        assert device is not None
        inside = [one for one in device.sessions if one.first <= time <= one.last]
        assert session_id is None or session_id in [one.id for one in inside]
        assert list(device.sessions) == sorted(device.sessions, key=lambda one: one.first)


@settings(max_examples=100)
@given(
    st.lists(st.tuples(MOMENTS, st.sampled_from(["d-1", "d-2", ""]), st.booleans()), min_size=1, max_size=30),
    st.data(),
)
def test_what_came_to_nothing_leaves_no_trace_and_what_is_kept_is_all(
    events: list[tuple[int, str, bool]], data: st.DataObject
) -> None:
    """A book read from its rows, whichever transactions failed, decides as one that nothing happened to."""
    sound, kept = SessionBook(), SessionBook()
    rows = []
    for time, device, fails in events:
        one = facts(time, device=device, kind=SERVER if not device else PAGE)
        if fails:
            kept.begin()
            kept.assign([facts(time + 7, device="d-1"), one], START)
        kept.begin()
        decided = kept.assign([one], START)
        row = kept.changed(START)
        kept.committed()
        if row is not None:
            rows.append(row)
        assert decided == came(sound, [one])
        if data.draw(st.booleans()):
            kept = SessionBook()
            kept.load(rows, SessionNames())
        counts = {key: row.number for row in rows for key, _ in row.devices()}.values()
        assert [row.number for row in rows if kept.is_dead(row.number)] == [
            row.number for row in rows if row.number not in counts
        ]
    for key in (device_key("", "d-1"), device_key("", "d-2"), user_key("", "ada")):
        assert kept.device(key) == sound.device(key)
