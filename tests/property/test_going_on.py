"""The session book's fast path finds what its slow path does, whatever comes in whatever order."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from forwarder.sessions import book as module
from forwarder.sessions.book import SessionBook
from tests.support.late_events import LENGTH, RULES, facts
from tests.support.sessions import MINUTE, START

EVENTS = st.lists(
    st.tuples(
        st.integers(0, 200).map(lambda minutes: START + minutes * MINUTE),
        st.sampled_from([None, START, START + 70 * MINUTE, START + 90 * MINUTE]),
        st.booleans(),
    ),
    min_size=1,
    max_size=12,
)


def books(events: list[tuple[int, int | None, bool]], **more: Any) -> tuple[list[object], int]:
    """Return what a book makes of events, each with what it then knows; and how often it went on quickly.

    The last of each event's three: whether its transaction comes to an end with it.
    """
    rules = msgspec.structs.replace(RULES, **more)
    book, quick, found = SessionBook(), 0, list[object]()
    real = vars(module)["going_on_with"]

    def counting(*given: Any) -> Any:
        nonlocal quick
        going_on = real(*given)
        quick += going_on is not None
        return going_on

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "going_on_with", counting)
        book.begin()
        for seq, (time, session_id, ends) in enumerate(events):
            [done] = book.assign([facts(time, rules, session_id)], START, seq)
            found.append((done, {**book.devices.values, **book.devices.changed}, list(book.late.renamings)))
            if ends:
                found.append(book.changed(START))
                book.committed()
                book.begin()
    return found, quick


SAME_MOMENT = [
    (START + 122 * MINUTE, START, False),
    (START, None, False),
    (START + 190 * MINUTE, START, True),
]
"""An event without an id happens at the very moment by which a page called its session."""


@settings(max_examples=200)
@example(SAME_MOMENT, 0, LENGTH, False, True)
@given(EVENTS, st.sampled_from([0, 3_600_000]), st.sampled_from([LENGTH, 0]), st.booleans(), st.booleans())
def test_the_fast_path_finds_what_the_slow_one_does(
    events: list[tuple[int, int | None, bool]], maximum: int, length: int, by_user: bool, close: bool
) -> None:
    more = {"maximum": maximum, "length": length, "new_on_user_change": by_user, "close": close}
    found, _ = books(events, **more)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "going_on_with", lambda *_: None)
        slowly, quick = books(events, **more)
    assert quick == 0
    assert found == slowly


def test_events_of_a_session_go_the_fast_path_late_ones_as_well() -> None:
    given_ones: list[tuple[int, int | None, bool]] = [
        (START + minute * MINUTE, START, False) for minute in (0, 5, 3, 9)
    ]
    assert books(given_ones)[1] == 3
    assert books([(time, None, False) for time, _, _ in given_ones])[1] == 2
    assert books([(START, None, False)] * 3)[1] == 2, "those of one moment, too"
