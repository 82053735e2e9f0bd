"""Times in usual forms are read as Python's own reader reads them, by the fast path or the slow one."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forwarder.javascript import usual_dates
from forwarder.javascript.usual_dates import read_usual

DAYS = st.datetimes(datetime(1000, 1, 1), datetime(2999, 12, 31, 23, 59, 59, 999_000))
LETTERS = st.sampled_from("0123456789-:T.Z+ ")


@given(DAYS)
def test_every_time_that_is_written_so_is_read(moment: datetime) -> None:
    text = f"{moment.isoformat(timespec='milliseconds')}Z"
    since = moment.replace(tzinfo=UTC) - datetime(1970, 1, 1, tzinfo=UTC)
    assert read_usual(text) == since // timedelta(milliseconds=1)


def said(read: object, text: str) -> object:
    """Return what a reader makes of a text, and whether it knows no such day."""
    try:
        return read(text)  # type: ignore[operator]
    except ValueError:
        return "no such day"


@given(
    DAYS.map(lambda moment: moment.isoformat(timespec="milliseconds")),
    st.integers(0, 24),
    LETTERS,
    st.integers(0, 2),
)
def test_what_is_nearly_so_is_read_as_by_the_slow_path(
    text: str, at: int, letter: str, instead_of: int
) -> None:
    text = f"{text}Z"
    text = text[:at] + letter + text[at + instead_of :]
    assert said(read_usual, text) == said(usual_dates._read, text)


@pytest.mark.parametrize(
    ("text", "time"),
    [
        ("2026-01-02T03:04:05Z", 1_767_323_045_000),
        ("2026-01-02T03:04:05.006Z", 1_767_323_045_006),
        ("2026-01-02T03:04:05.006789Z", 1_767_323_045_006),
        ("2026-01-02T03:04:05.006+01:00", 1_767_319_445_006),
        ("2026-02-30T03:04:05.006Z", "no such day"),
        ("2026-02-30T03:04:05Z", "no such day"),
        *((text, None) for text in ("", "2026-01-02", "2026-01-02T03:04:05.006", "2026-01-02T24:04:05.006Z")),
        *((text, None) for text in ("2026-01-02T03:04:60.006Z", "2026-01-02 03:04:05.006Z")),
        *((text, None) for text in ("٢٠٢٦-01-02T03:04:05.006Z", "0026-01-02T03:04:05.006Z")),
        *((text, None) for text in ("2026-01-02T03:04:05.006Z ", "2026-01-02T03:04.05.006Z")),
    ],
)
def test_a_form_is_read_or_is_another(text: str, time: object) -> None:
    assert said(read_usual, text) == time
