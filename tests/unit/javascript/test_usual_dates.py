"""The fast path to times says what the slow one says, or nothing."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from forwarder.javascript.usual_dates import USUAL, read_usual, read_utc_text

DAYS = st.datetimes(datetime(1000, 1, 1), datetime(2999, 12, 31, 23, 59, 59, 999_000))
LETTERS = st.sampled_from("0123456789-:T.Z+ ")


@given(DAYS)
def test_every_time_that_is_written_so_is_read(moment: datetime) -> None:
    text = f"{moment.isoformat(timespec='milliseconds')}Z"
    since = moment.replace(tzinfo=UTC) - datetime(1970, 1, 1, tzinfo=UTC)
    assert read_utc_text(text) == since // timedelta(milliseconds=1)


@example("2026-02-30T03:04:05.006", 0, "", 1)
@given(
    DAYS.map(lambda moment: moment.isoformat(timespec="milliseconds")),
    st.integers(0, 24),
    LETTERS,
    st.integers(0, 2),
)
def test_what_is_nearly_so_is_read_as_by_the_slow_path_or_not_at_all(
    text: str, at: int, letter: str, instead_of: int
) -> None:
    text = f"{text}Z"
    text = text[:at] + letter + text[at + instead_of :]
    read = read_utc_text(text)
    if read is not None:
        assert USUAL.fullmatch(text)
        assert read == read_usual(text)


@pytest.mark.parametrize(
    "text",
    [
        *(
            "",
            "2026-01-02",
            "2026-01-02T03:04:05Z",
            "2026-01-02T03:04:05.006",
            "2026-01-02T03:04:05.006+00:00",
        ),
        *("2026-01-02T03:04:05.006789Z", "2026-02-30T03:04:05.006Z", "2026-01-02T24:04:05.006Z"),
        *(
            "2026-01-02T03:04:60.006Z",
            "2026-01-02 03:04:05.006Z",
            "٢٠٢٦-01-02T03:04:05.006Z",
            "0026-01-02T03:04:05.006Z",
        ),
        *("2026-01-02T03:04:05.006Z ", "2026-01-02T03:04.05.006Z"),
    ],
)
def test_another_form_is_left_to_the_slow_path(text: str) -> None:
    assert read_utc_text(text) is None
