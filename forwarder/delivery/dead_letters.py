"""Dead letters for the operator: look at them, send them again, let them go."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from datetime import UTC, datetime

import orjson

from forwarder.amplitude.wire.limits import INSERT_ID_WINDOW_MS
from forwarder.sessions.stamp import shown_reason
from forwarder.spool import DeadLetter, Spool
from forwarder.text import cell, in_lines

PAGE = 500
"""Dead letters read or changed in one step: 16 MB of the largest events; ingest waits for no long write."""


async def dead_letters(
    spool: Spool, destination: str | None = None, reason: str | None = None
) -> AsyncIterator[DeadLetter]:
    """Yield dead letters, oldest first; ``reason``: only those whose reason contains this text."""
    after = 0
    while page := await spool.dead(destination, after, PAGE):
        for letter in page:
            if reason is None or reason in letter.reason:
                yield letter
        after = page[-1].number


async def numbered(spool: Spool, numbers: Sequence[int]) -> AsyncIterator[DeadLetter]:
    """Yield the dead letters with these numbers, as far as they are there."""
    for number in numbers:
        for letter in await spool.dead(number=number):
            yield letter


async def page_by_page(act: Callable[[Sequence[int]], Awaitable[int]], numbers: Sequence[int]) -> int:
    """Have dead letters sent again or dropped, a bounded number at once; return how many there were."""
    pages = [numbers[start : start + PAGE] for start in range(0, len(numbers), PAGE)]
    return sum([await act(page) for page in pages])


def one_line(letter: DeadLetter) -> str:
    """Return number, time, destination, source, message id and reason, with tabs between."""
    event = letter.event
    columns = (_time(letter.died_at), letter.destination, event.source, event.message_id, letter.reason)
    return "\t".join((str(letter.number), *map(cell, columns)))


def described(letter: DeadLetter, now: int) -> bytes:
    """Return everything kept about it as readable JSON: event, what was sent, what was answered."""
    event = letter.event
    body = _json(event.body)
    reason = shown_reason(body)
    shown = {
        "number": letter.number,
        "destination": letter.destination,
        "reason": letter.reason,
        "diedAt": _time(letter.died_at),
        "receivedAt": _time(event.received_at),
        "source": event.source,
        "messageId": event.message_id,
        **({"session": reason} if reason else {}),
        "event": body,
        **({} if not may_count_twice(letter, now) else {"warning": TWICE}),
        "detail": _json(letter.detail),
    }
    return in_lines(orjson.dumps(shown, option=orjson.OPT_INDENT_2).decode()).encode()


TWICE = (
    "Amplitude may have taken parts of it over 7 days ago and would count them again;"
    " look there before sending it again"
)


def may_count_twice(letter: DeadLetter, now: int) -> bool:
    """Return whether Amplitude may have taken it so long ago that it no longer recognises the insert id."""
    since = _json(letter.state or b"{}")
    tried_at = since.get("maybe_since", 0) if isinstance(since, dict) else 0
    return isinstance(tried_at, int) and 0 < tried_at < now - INSERT_ID_WINDOW_MS


def _json(text: bytes) -> dict[str, object]:
    try:
        value = orjson.loads(text)
    except ValueError:  # an event that was no JSON is a reason to be here
        value = text.decode("utf-8", "replace")
    return value if isinstance(value, dict) else {"text": value}


def _time(ms: int) -> str:
    return datetime.fromtimestamp(ms / 1000, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
