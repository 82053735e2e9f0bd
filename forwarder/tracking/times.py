"""The times of an event: reading what clients send, and correcting a wrong client clock."""

from datetime import UTC, datetime, timedelta
from functools import lru_cache

_SECONDS, _THOUSANDTHS = [f"{n:02}" for n in range(60)], [f"{n:03}" for n in range(1000)]
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def parse_time(text: str) -> int | None:
    """Return an ISO 8601 time as milliseconds since the epoch, None where it is none; no zone means UTC."""
    try:
        time = datetime.fromisoformat(text)
        if time.tzinfo is None:
            time = time.replace(tzinfo=UTC)
        since = time - _EPOCH
        # In half the time of a division by a millisecond.
        return since.days * 86_400_000 + since.seconds * 1000 + since.microseconds // 1000
    except (ValueError, OverflowError):
        return None


def format_time(milliseconds: int) -> str:
    """Return milliseconds since the epoch as ``2026-01-02T03:04:05.006Z``. Raises OverflowError."""
    minutes, rest = divmod(milliseconds, 60_000)
    return f"{_to_the_minute(minutes)}:{_SECONDS[rest // 1000]}.{_THOUSANDTHS[rest % 1000]}Z"


@lru_cache(4_096)
def _to_the_minute(minutes: int) -> str:
    """Return the time without seconds and zone; most events of one moment share it."""
    return (_EPOCH + timedelta(minutes=minutes)).isoformat()[:16]


def correct(original: int, sent: int | None, received: int) -> int:
    """Return when the event happened by the server's clock, all in milliseconds since the epoch.

    Segment's rule: received - (sent - original); without ``sent`` the client's own time stands.
    """
    return original if sent is None else received - (sent - original)
