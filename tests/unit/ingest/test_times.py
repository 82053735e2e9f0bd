"""Reading, writing and correcting times."""

from datetime import datetime

import pytest

from forwarder.ingest.times import correct, format_time, happened_at, parse_time, read_time


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


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("2016-07-18 12:34:56.789 -0700 PDT", "2016-07-18T19:34:56.789Z"),
        ("2024-01-01 00:00:00.123456 +0000 UTC m=+0.0012", "2024-01-01T00:00:00.123Z"),
        ("2024-01-01 00:00:00 +0530 +0530", "2023-12-31T18:30:00.000Z"),
        ("2024-01-01 00:00:00 UTC", "2024-01-01T00:00:00.000Z"),
        ("2024-01-01T00:00:00+23:59", "2023-12-31T00:01:00.000Z"),
        ("2024-01-01T00:00:00-23:59", "2024-01-01T23:59:00.000Z"),
        ("2024-01-01 00:00:00 +2359", "2023-12-31T00:01:00.000Z"),
        ("2024-01-01" + " " * 82 + "00:00:00", "2024-01-01T00:00:00.000Z"),
        ("2024-01-01t00:00:00z", "2024-01-01T00:00:00.000Z"),
        ("2015-2-02T10:00:00Z", "2015-02-02T10:00:00.000Z"),
        ("2024/01/02 03:04:05", "2024-01-02T03:04:05.000Z"),
        ("2024-01-01T00:00:00+01:00[Europe/Paris]", "2023-12-31T23:00:00.000Z"),
        ("2024-01-01T00:00:00.000+0000", "2024-01-01T00:00:00.000Z"),
        ("2024-01-01T00:00:00,5Z", "2024-01-01T00:00:00.500Z"),
        ("2024-01-01T00:00:00.04567890123456789Z", "2024-01-01T00:00:00.045Z"),
        ("2024-01-01T24:00:00Z", "2024-01-02T00:00:00.000Z"),
        ("2016-12-31T23:59:60Z", "2017-01-01T00:00:00.000Z"),
        ("20240101T101112Z", "2024-01-01T10:11:12.000Z"),
        ("20240101101112", "2024-01-01T10:11:12.000Z"),
        ("20240101", "2024-01-01T00:00:00.000Z"),
        ("Mon, 01 Jan 2024 00:00:00 GMT", "2024-01-01T00:00:00.000Z"),
        ("Mon, 1 Jan 2024 00:00:00 +0100", "2023-12-31T23:00:00.000Z"),
        ("Mon Jan 01 2024 00:00:00 GMT+0100 (Central European Standard Time)", "2023-12-31T23:00:00.000Z"),
        ("Mon Jan  1 00:00:00 UTC 2024", "2024-01-01T00:00:00.000Z"),
        (" 2024-01-01T00:00:00Z\n", "2024-01-01T00:00:00.000Z"),
        ("1763010312", "2025-11-13T05:05:12.000Z"),
        ("1763010312.5", "2025-11-13T05:05:12.500Z"),
        ("1763010312345", "2025-11-13T05:05:12.345Z"),
        ("1763010312345678", "2025-11-13T05:05:12.345Z"),
        ("1763010312345678901", "2025-11-13T05:05:12.345Z"),
    ],
)
def test_forms_of_languages_and_databases(text: str, read: str) -> None:
    assert parse_time(text) == round(datetime.fromisoformat(read).timestamp() * 1000)


@pytest.mark.parametrize(
    "text",
    [
        *("1", "5", "Item 7", "2024", "12345", "17630103123", "202401010000", "176301031234567"),
        *("-1763010312345", "01/02/2024", "01/02/2024 03:04:05", "2024-01-01 12:00:00 AM", "Jan 1, 2024"),
        *("2024-01-01 00:00:00 CST", "2024-01-01 00:00:00 PDT", "Mon Jan 01 00:00:00 CET 2024"),
        *("2024-02-30", "2024-13-01T00:00:00Z", "2024-01-01T25:00:00Z", "2024-01-01T24:00:01Z"),
        *("2024-01-01T00:60:00Z", "2024-01-01T00:00:61Z", "2024-01-01T00:00:00+24:00"),
        *("2024-01-01T00:00:00+01:60", "0000-00-00 00:00:00", "2024-01-01T00:00:00Zfoo"),
        "2024-01-01" + " " * 83 + "00:00:00",
        *("２０２４-01-01", "None", "NaN", "Invalid Date", "now", "2024-01-01T" + "0" * 5_000),
    ],
)
def test_what_is_no_time_or_might_mean_two(text: str) -> None:
    assert parse_time(text) is None


@pytest.mark.parametrize(
    ("value", "milliseconds"),
    [
        (1_704_067_200, 1_704_067_200_000),
        (1_704_067_200.5, 1_704_067_200_500),
        (1_704_067_200_123, 1_704_067_200_123),
        (1_704_067_200_123.75, 1_704_067_200_123),
        (1_704_067_200_123_456, 1_704_067_200_123),
        (5, None),
        (1, None),
        (2**63 - 1, 9_223_372_036_854),
        (2**63, None),
        (0, None),
        (-1_704_067_200_000, None),
        (2**80, None),
        (1e300, None),
        (float("nan"), None),
        (True, None),
        (None, None),
        ([], None),
    ],
)
def test_numbers_count_from_the_epoch(value: object, milliseconds: int | None) -> None:
    assert read_time(value) == milliseconds


NOW = 1_704_067_200_000
DAY = 86_400_000


@pytest.mark.parametrize(
    ("original", "sent", "happened"),
    [
        (NOW - 1_000, NOW, NOW - 1_000),
        (NOW - 40 * DAY, NOW - 30 * DAY, NOW - 10 * DAY),
        (3_600_000, 3_605_000, NOW - 5_000),  # a clock that began in 1970, the same for both
        (NOW, NOW - 60_000, NOW + 60_000),  # set back by a minute in between
        (NOW, NOW - 2 * DAY, NOW),
        (NOW, 978_307_200_000, NOW),  # Apple's zero
        (NOW, -11_644_473_600_000, NOW),  # Windows'
        (NOW, -62_135_596_800_000, NOW),  # Go's
        (1_468_845_296_789, 253_402_300_799_999, 1_468_845_296_789),  # .NET's greatest
        (NOW, NOW - DAY, NOW + DAY),  # a day before it happened, and not a moment more
        (NOW, NOW - DAY - 1, NOW),
        (DAY, None, DAY),
        (DAY - 1, None, None),
        (NOW + 366 * DAY, None, NOW + 366 * DAY),
        (NOW + 366 * DAY + 1, None, None),
        (NOW + 367 * DAY, NOW + DAY, None),
        (NOW + 365 * DAY, NOW + 364 * DAY, NOW + DAY),
        (2 * DAY, NOW + DAY, DAY),
        (2 * DAY, NOW + DAY + 1, 2 * DAY),
        (65_712_000_000_000, None, None),  # 4052
        (-6_532_013_700_000, None, None),  # 1763
        (-62_135_596_800_000, NOW, None),
    ],
)
def test_no_event_happens_in_impossible_years(original: int, sent: int | None, happened: int | None) -> None:
    assert happened_at(original, sent, NOW) == happened
