"""The decision about one event, case by case: session, reason, idle time, what ended. Times in ms."""

import pytest

from browser_plugin.session import decide, whole_ms

NOW = 1_700_000_000_000
LENGTH = 1_800_000
FIFTEEN, SIXTEEN = "9" * 15, "9" * 16


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (None, None),
        ("", None),
        ("0", 0),
        ("007", 7),
        (FIFTEEN, 999_999_999_999_999),
        (SIXTEEN, None),
        ("1" + "0" * 15, None),
        ("-1", None),
        ("+1", None),
        ("1.0", None),
        ("1e3", None),
        (" 1", None),
        ("1 ", None),
        ("1_0", None),
        ("1a1", None),
        ("\u0661", None),
        ("null", None),
    ],
)
def test_fifteen_ascii_digits_at_most_are_a_time(text: str | None, value: int | None) -> None:
    assert whole_ms(text) == value


@pytest.mark.parametrize(
    ("stored", "reset", "maximum", "expected"),
    [
        # Stored id and last access relative to NOW, or as they are; id, reason, idle, ended id and last.
        ((None, None), False, 0, (0, "first visit", 0, None, None)),
        (("", ""), False, 0, (0, "first visit", 0, None, None)),
        (("", -5), False, 0, (0, "first visit", 5, None, None)),
        ((None, -5), True, 0, (0, "first visit", 5, None, None)),
        (("x", None), False, 0, (0, "unusable", 0, None, None)),
        (("x", -5), True, 0, (0, "unusable", 5, None, None)),
        ((SIXTEEN, -5), False, 0, (0, "unusable", 5, None, None)),
        ((-100, None), False, 0, (0, "unusable", 0, -100, -100)),
        ((-100, ""), True, 0, (0, "unusable", 0, -100, -100)),
        ((-100, "x"), False, 0, (0, "unusable", 0, -100, -100)),
        ((-100, SIXTEEN), False, 0, (0, "unusable", 0, -100, -100)),
        ((-100, 0), False, 0, (-100, "active", 0, None, None)),
        ((-100, -1), False, 0, (-100, "active", 1, None, None)),
        ((-100, 1), False, 0, (-100, "active", 0, None, None)),
        ((-100, 10**9), False, 0, (-100, "active", 0, None, None)),
        ((0, 0), False, 0, (0, "active", 0, None, None)),
        ((-LENGTH, 1 - LENGTH), False, 0, (-LENGTH, "active", LENGTH - 1, None, None)),
        ((-LENGTH - 9, -LENGTH), False, 0, (0, "idle", LENGTH, -LENGTH - 9, -LENGTH)),
        ((-LENGTH - 9, -LENGTH - 1), False, 0, (0, "idle", LENGTH + 1, -LENGTH - 9, -LENGTH - 1)),
        ((-100, -7), True, 0, (0, "reset", 7, -100, -7)),
        ((-100, 5), True, 0, (0, "reset", 0, -100, 5)),
        ((-9 * LENGTH, -LENGTH), True, LENGTH, (0, "reset", LENGTH, -9 * LENGTH, -LENGTH)),
        ((-9 * LENGTH, -LENGTH), False, LENGTH, (0, "idle", LENGTH, -9 * LENGTH, -LENGTH)),
        # The maximum counts to now, not to the last activity; reached exactly it ends the session.
        ((-3000, -2000), False, 3000, (0, "maximum", 2000, -3000, -2000)),
        ((-3000, -2000), False, 3001, (-3000, "active", 2000, None, None)),
        ((-3000, -2000), False, 2999, (0, "maximum", 2000, -3000, -2000)),
        ((-1, -1), False, 1, (0, "maximum", 1, -1, -1)),
        ((-3000, -2000), False, 0, (-3000, "active", 2000, None, None)),
        ((-3000, -2000), False, -1, (-3000, "active", 2000, None, None)),
        ((5000, 6000), False, 1, (5000, "active", 0, None, None)),
    ],
)
def test_the_decision(
    stored: tuple[int | str | None, int | str | None],
    reset: bool,
    maximum: float,
    expected: tuple[int, str, int, int | None, int | None],
) -> None:
    first, last = (str(NOW + one) if isinstance(one, int) else one for one in stored)
    session_id, reason, idle, ended_id, ended_last = expected
    assert decide(first, last, NOW, LENGTH, maximum, reset) == {
        "session_id": NOW + session_id,
        "started": reason != "active",
        "reason": reason,
        "idle": idle,
        "ended_id": None if ended_id is None else NOW + ended_id,
        "ended_last": None if ended_last is None else NOW + ended_last,
    }


@pytest.mark.parametrize(("length", "reason"), [(0, "idle"), (-5, "idle"), (float("nan"), "active")])
def test_a_length_of_nothing_makes_every_event_a_session_and_none_never_ends(
    length: float, reason: str
) -> None:
    assert decide(str(NOW), str(NOW), NOW, length, 0, False)["reason"] == reason
