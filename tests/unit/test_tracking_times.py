"""Reading, writing and correcting times."""

import pytest

from forwarder.tracking.times import correct, format_time, parse_time


@pytest.mark.parametrize(
    ("text", "milliseconds"),
    [
        ("2024-01-01T00:00:00.000Z", 1_704_067_200_000),
        ("2024-01-01T00:00:00.123456789Z", 1_704_067_200_123),
        ("2024-01-01T01:00:00+01:00", 1_704_067_200_000),
        ("2024-01-01T00:00:00", 1_704_067_200_000),
        ("2024-01-01", 1_704_067_200_000),
        ("1969-12-31T23:59:59.999Z", -1),
        ("yesterday", None),
        ("", None),
        ("2024-13-01", None),
    ],
)
def test_times_that_clients_send(text: str, milliseconds: int | None) -> None:
    assert parse_time(text) == milliseconds


def test_times_are_written_as_segment_writes_them() -> None:
    assert format_time(1_704_067_200_006) == "2024-01-01T00:00:00.006Z"


def test_a_wrong_clock_is_corrected() -> None:
    assert correct(original=1_000, sent=1_500, received=9_000) == 8_500


def test_without_sent_at_the_clients_time_stands() -> None:
    assert correct(original=1_000, sent=None, received=9_000) == 1_000
