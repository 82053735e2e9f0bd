"""The form in which nearly every library writes a time, read by Python itself."""

import re
from datetime import UTC, datetime, timedelta
from typing import Final

USUAL: Final = re.compile(
    r"[12][0-9]{3}-[0-9]{2}-[0-9]{2}T(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]"
    r"(?:\.[0-9]{3}(?:[0-9]{3})?)?(?:Z|[+-](?:[01][0-9]|2[0-3]):[0-5][0-9])"
)
EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def read_usual(text: str) -> int:
    """Return the ms since the epoch of what ``USUAL`` matches. Raises ValueError where no such day exists."""
    since = datetime.fromisoformat(text) - EPOCH
    return since.days * 86_400_000 + since.seconds * 1000 + since.microseconds // 1000


def whole_milliseconds(time: timedelta) -> int:
    """Return whole milliseconds, rounded down, in half the time of a division."""
    return time.days * 86_400_000 + time.seconds * 1000 + time.microseconds // 1000
