"""A batch whose quotes or brackets do not match: its good events are found again behind the bad one."""

import json
import re
from typing import Final

from forwarder.ingest.fields import Fields, read_fields
from forwarder.ingest.splitting import BatchParts
from forwarder.ingest.validation import TYPES

_BATCH: Final = re.compile(rb'"batch"\s*:\s*\[')
_NEXT: Final = re.compile(r"[\[,}]\s*(?=\{)")
"""What stands before an event: the list's beginning, or the comma or end of what comes before it. Much else
looks like that inside of an event with an open quote, so what follows has to be an event."""
_BETWEEN: Final = b", \t\r\n"
_DECODER: Final = json.JSONDecoder(strict=False)
_EFFORT: Final = 8
"""A batch is read so many times at most: every place that looks like an event is tried."""
_LAST_BRACKETS: Final = 8
"""Closing brackets, from the end, behind which the rest of the batch's object is looked for."""
_LARGEST: Final = 32_768
"""Bytes of an event that is looked for: no larger one would be accepted."""
_TRY: Final = 1_024
"""Bytes that each vain try counts for at least: so much is read in the time that it takes to give up."""
_FOUND: Final = 200
"""Bytes that an event counts for besides its own, so that a great many small ones end, too."""


def find_events(body: bytes) -> BatchParts | None:
    """Return the parts of a batch that ``split_batch`` cannot cut, what is no event among them as it is.

    None where no event is found, or the batch has no end: a body that was cut off is sent again.
    """
    opening = _BATCH.search(body)
    if opening is None:
        return None
    before = read_fields(body[: opening.start()].rstrip(_BETWEEN) + b"}")
    events, end = _events(body, opening.end())
    after = _rest(body, end)
    if before is None or after is None or not events:
        return None
    last, beside = after
    bad = body[end:last].strip(_BETWEEN)
    raw = {name: bytes(value) for name, value in {**before, **beside}.items()}
    return BatchParts([*events, bad] if bad else events, raw)


def _events(body: bytes, start: int) -> tuple[list[bytes], int]:
    """Return the events from ``start`` on with what is none between them, and where the last one ends."""
    text = body.decode("latin-1")  # a character for each byte
    events: list[bytes] = []
    end, left = start, _EFFORT * (len(body) + _LARGEST)
    place = _NEXT.search(text, start - 1)
    while place is not None and left > 0:
        stop, cost = _event_at(text, place.end())
        left -= cost
        if stop:
            bad = body[end : place.end()].strip(_BETWEEN)
            events += [bad] if bad else []
            events.append(body[place.end() : stop])
            end = stop
        place = _NEXT.search(text, stop - 1 if stop else place.start() + 1)
    return (events, end) if end > start else ([], end)


def _event_at(text: str, start: int) -> tuple[int, int]:
    """Return where the event that begins at ``start`` ends, 0 where none does, and what it counts for."""
    piece = text[start : start + _LARGEST]  # an error counts all lines before it
    try:
        value, length = _DECODER.raw_decode(piece)
    except json.JSONDecodeError as error:
        open_text = error.msg.startswith("Unterminated")
        return 0, max(_TRY, len(piece) if open_text else error.pos)
    except (RecursionError, ValueError):  # too deep, or a number of too many digits
        return 0, _LARGEST
    end = start + length
    is_event = isinstance(value, dict) and value.get("type") in TYPES
    closed = text[end : end + 64].lstrip()[:1] in (",", "]")
    return (end, length + _FOUND) if is_event and closed else (0, max(_TRY, length))


def _rest(body: bytes, start: int) -> tuple[int, Fields] | None:
    """Return where the batch's list ends behind ``start``, and what stands beside it after that."""
    last = len(body)
    for _ in range(_LAST_BRACKETS):
        last = body.rfind(b"]", start, last)
        if last < 0:
            return None
        fields = read_fields(b"{" + body[last + 1 :].lstrip(_BETWEEN))
        if fields is not None:
            return last, fields
    return None
