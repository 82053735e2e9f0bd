"""The times of an event: reading what clients send, and correcting a wrong client clock."""

from datetime import timedelta
from functools import lru_cache
from typing import Final

from forwarder.ingest.time_formats import read_text_time
from forwarder.javascript.usual_dates import EPOCH, read_usual

_SECONDS, _THOUSANDTHS = [f"{n:02}" for n in range(60)], [f"{n:03}" for n in range(1000)]
_DAY: Final = 86_400_000
_YEAR_ONE: Final = -62_135_596_800_000
_EARLIEST: Final = _DAY
"""Before 1970-01-02 no event happened; what says so is an unset clock."""
_MOST_AHEAD: Final = 366 * _DAY
"""An event of a later year than next year has another kind of value for its time."""


def read_time(value: object) -> int | None:
    """Return the time that a JSON value holds in ms since the epoch, None where it holds none.

    Numbers of 10, 13, 16 or 19 digits count from the epoch in s, ms, us or ns; texts: see ``parse_time``.
    """
    if isinstance(value, str):
        return parse_time(value)
    if isinstance(value, (int, float)) and not isinstance(value, bool) and 0 < value < 2**63:
        return parse_time(repr(value))
    return None


def parse_time(text: str) -> int | None:
    """Return the time that a text holds in ms since the epoch, None where it holds none; no zone means UTC.

    ISO 8601, what languages write by themselves, and the numbers that ``read_time`` takes.
    """
    try:
        time = read_usual(text)
    except ValueError:
        return None
    return read_text_time(text) if time is None else time


def format_time(milliseconds: int) -> str:
    """Return milliseconds since the epoch as ``2026-01-02T03:04:05.006Z``. Raises OverflowError."""
    minutes, rest = divmod(milliseconds, 60_000)
    return f"{_to_the_minute(minutes)}:{_SECONDS[rest // 1000]}.{_THOUSANDTHS[rest % 1000]}Z"


@lru_cache(4_096)
def _to_the_minute(minutes: int) -> str:
    """Return the time without seconds and zone; most events of one moment share it."""
    return (EPOCH + timedelta(minutes=minutes)).isoformat()[:16]


def is_unset(time: int | None) -> bool:
    """Return whether a time (ms) is what languages write where none was set: year 1 (Go, .NET), or 1970."""
    return time in (_YEAR_ONE, 0)


def correct(original: int, sent: int | None, received: int) -> int:
    """Return when the event happened by the server's clock, all in milliseconds since the epoch.

    Segment's rule: received - (sent - original); without ``sent`` the client's own time stands.
    """
    return original if sent is None else received - (sent - original)


def happened_at(original: int, sent: int | None, received: int) -> int | None:
    """Return when an event happened, corrected where that is sensible; None where nobody knows; all in ms.

    What was sent more than a day before it happened was not sent by the same clock.
    """
    latest = received + _MOST_AHEAD
    if sent is not None and sent >= original - _DAY:
        corrected = correct(original, sent, received)
        if _EARLIEST <= corrected <= latest:
            return corrected
    return original if _EARLIEST <= original <= latest else None
