"""Events that come late, against models: whatever waits is in the session of in-order arrival."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import given, settings
from hypothesis import strategies as st

from browser_plugin.session import decide
from forwarder.sessions.facts import SERVER
from tests.support.late_events import LENGTH, RULES, Waiting, facts
from tests.support.sessions import MINUTE, START

MOMENTS = st.integers(0, 240).map(lambda minutes: START + minutes * MINUTE)
"""A few sessions, dense enough that late events join some and bridge others."""


Came = tuple[int, int | None]
"""When an event happened, and the id that it brings, None for none."""


def in_order(events: Sequence[Came]) -> list[int]:
    """Return each event's session by the page's own policy, as if they came in the order of their times.

    Of events of one moment those come first that bring an id.
    """
    stored: tuple[str | None, str | None] = (None, None)
    found = [0] * len(events)
    for index in sorted(range(len(events)), key=lambda one: (events[one][0], events[one][1] is None)):
        time, given_id = events[index]
        found[index] = given_id or decide(*stored, time, LENGTH, 0, reset=False)["session_id"]
        stored = str(found[index]), str(time)
    return found


def of_pages(times: Sequence[int]) -> dict[int, int]:
    """Return the ids that a page with the plugin gives its events, by their times; it sees no others."""
    return dict(zip(times, in_order([(time, None) for time in times]), strict=True))


def handed_on(events: Sequence[Came], order: Sequence[int], groups: Sequence[int]) -> list[int | None]:
    """Return each event's session once all have come, in this order and in groups, and then are handed on."""
    waiting, left = Waiting(), list(order)
    for size in groups:
        waiting.came(*(facts(events[one][0], session_id=events[one][1]) for one in left[:size]))
        del left[:size]
    got = waiting.hand_on()
    return [got[order.index(one) + 1] for one in range(len(events))]


GROUPS = st.lists(st.integers(1, 4), min_size=25, max_size=25)


@settings(max_examples=150)
@given(st.lists(st.tuples(MOMENTS, st.booleans()), min_size=1, max_size=25), GROUPS, st.data())
def test_what_waits_is_in_the_sessions_of_in_order_arrival(
    sent: list[tuple[int, bool]], groups: list[int], data: st.DataObject
) -> None:
    """In whatever order and groups events come, with a plugin's ids among them or without any."""
    ids = of_pages([time for time, with_plugin in sent if with_plugin])
    events = [(time, ids[time] if with_plugin else None) for time, with_plugin in sent]
    assert handed_on(events, data.draw(st.permutations(range(len(events)))), groups) == in_order(events)


@settings(max_examples=150)
@given(
    st.lists(
        st.tuples(
            st.sampled_from([0, 1, 25, 26, 50, 75, 76]), st.sampled_from(["", "", "goes on", "another"])
        ),
        min_size=2,
        max_size=8,
    ),
    GROUPS,
    st.data(),
)
def test_the_order_of_arrival_does_not_matter_where_several_ids_are_given_at_one_moment(
    sent: list[tuple[int, str]], groups: list[int], data: st.DataObject
) -> None:
    events: list[Came] = []
    current = given_at = 0
    for minute, what in sorted(sent, key=lambda one: one[0]):
        time = START + minute * MINUTE
        if what and (what == "another" or not current or time - given_at >= LENGTH):
            current = max(time, current + 1)
        given_at = time if what else given_at
        events.append((time, current if what else None))
    order = data.draw(st.permutations(range(len(events))))
    assert handed_on(events, order, groups) == handed_on(events, range(len(events)), [1] * len(events))


class Delivered:
    """What the forwarder promises where some events have been handed on already, said slowly.

    Sessions are the runs of all events that came so far without a gap of ``LENGTH``. A run is called by the
    id of the earliest of its events that was handed on, else by the time of its first event.
    """

    def __init__(self) -> None:
        self.came: list[int] = []
        self.final: dict[int, int] = {}

    def hand_on(self, events: int) -> list[int]:
        """Return the ids of the next events: those that they have from then on."""
        some = self.came[len(self.final) : len(self.final) + events]
        found = [self._name(time) for time in some]
        self.final.update(zip(some, found, strict=True))
        return found

    def _name(self, time: int) -> int:
        run: list[int] = []
        for each in sorted(self.came):
            if run and each - run[-1] >= LENGTH:
                if time in run:
                    break
                run = []
            run.append(each)
        return next((self.final[each] for each in run if each in self.final), run[0])


STEPS = st.one_of(
    st.lists(MOMENTS, min_size=1, max_size=4).map(lambda times: ("came", times)),
    st.integers(1, 6).map(lambda events: ("hand on", events)),
)


@settings(max_examples=150)
@given(st.lists(STEPS, max_size=25))
def test_what_was_handed_on_names_the_sessions_of_what_comes_late(steps: list[tuple[str, object]]) -> None:
    model, waiting = Delivered(), Waiting()
    for _, value in steps:
        if isinstance(value, list):
            new = [time for time in dict.fromkeys(value) if time not in model.came]
            waiting.came(*(facts(time) for time in new))
            model.came += new
        elif isinstance(value, int):
            assert list(waiting.hand_on(value).values()) == model.hand_on(value)
    assert list(waiting.hand_on().values()) == model.hand_on(len(model.came))


ANYTHING = st.one_of(
    st.tuples(
        st.just("came"),
        st.tuples(
            MOMENTS,
            st.sampled_from(["d-1", "d-1", "d-2", ""]),
            st.sampled_from([None, None, START, START + 70 * MINUTE, 5]),
        ),
    ),
    st.tuples(st.sampled_from(["fails", "hand on", "again"]), st.integers(1, 5)),
)


@settings(max_examples=150)
@given(st.lists(ANYTHING, max_size=40))
def test_an_id_that_a_destination_has_read_is_everybodys_for_good(
    steps: list[tuple[str, object]],
) -> None:
    """Whatever comes late, fails or is read again after a crash; and a given id is what the event keeps."""
    waiting = Waiting()
    first: dict[int, int | None] = {}
    brought: dict[int, int] = {}
    for what, value in steps:
        if isinstance(value, tuple):
            time, device, session_id = value
            kind = SERVER if not device else 0
            waiting.came(facts(time, RULES, session_id, kind, device))
            if session_id is not None:
                brought[len(waiting.bodies)] = session_id
        elif what == "fails":
            assert isinstance(value, int)
            waiting.came(facts(START + value * 20 * MINUTE + 7), fails=True)
        elif what == "again":
            first.update(waiting.sessions(range(waiting.handed + 1, len(waiting.bodies) + 1)))
            waiting.opened_again()
        else:
            assert isinstance(value, int)
            first.update(waiting.hand_on(value))
    first.update(waiting.hand_on())
    assert waiting.sessions(first) == first, "another destination, or the same after a crash"
    assert {seq: first[seq] for seq in brought} == brought
