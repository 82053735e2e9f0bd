"""When an event happened, from what its sender says, and what was wrong with that."""

from typing import NamedTuple

from forwarder.ingest.times import happened_at, is_unset, read_time
from forwarder.ingest.validation import Rejection

UNREADABLE, IMPLAUSIBLE = "unreadable_timestamp", "implausible_timestamp"
UNREADABLE_SENT, IMPLAUSIBLE_SENT = "unreadable_sent_at", "implausible_sent_at"
TIME_PROBLEMS = (UNREADABLE, IMPLAUSIBLE, UNREADABLE_SENT, IMPLAUSIBLE_SENT)
"""What is counted. For the event's time the arrival time stands, without ``sentAt`` nothing is corrected."""
_MEND = "write it in ISO 8601, like 2026-01-02T03:04:05.678Z"
_REJECTIONS = {
    UNREADABLE: Rejection(UNREADABLE, f"timestamp is no time; {_MEND}"),
    IMPLAUSIBLE: Rejection(
        IMPLAUSIBLE, f"timestamp lies before 1970-01-02 or more than a year ahead; {_MEND}"
    ),
    UNREADABLE_SENT: Rejection(UNREADABLE_SENT, f"sentAt is no time; {_MEND}"),
}


class SentTime(NamedTuple):
    """``sentAt`` as it was read: ms since the epoch, None where it says nothing, and what is wrong."""

    time: int | None = None
    problem: str = ""


ABSENT = SentTime()
"""No ``sentAt``, as with most events of a batch."""
EventTimes = tuple[int | None, int | None, tuple[str, ...]]
"""When an event happened and its clock offset in ms, None where nothing is known; problems of
``TIME_PROBLEMS``. A plain tuple: one is made for each event."""


def sent_time(value: object) -> SentTime:
    """Return what a ``sentAt`` says. What languages write where no time was set counts as absent."""
    if value is None:
        return ABSENT
    time = read_time(value)
    if time is None:
        return SentTime(None, UNREADABLE_SENT)
    return SentTime(None if is_unset(time) else time)


def event_times(value: object, sent: SentTime, received: int) -> EventTimes:
    """Return when an event happened whose ``timestamp`` is ``value``; ``received``: ms since the epoch."""
    problems = (sent.problem,) if sent.problem else ()
    offset = None if sent.time is None else received - sent.time
    original = read_time(value)
    if original is None:
        return (None, offset, problems if value is None else (*problems, UNREADABLE))
    happened = happened_at(original, sent.time, received)
    if happened is None:
        return (None, offset, problems if is_unset(original) else (*problems, IMPLAUSIBLE))
    if offset is not None and happened != original + offset:
        return (happened, None, (*problems, IMPLAUSIBLE_SENT))
    return (happened, offset, problems)


def rejection_of(problems: tuple[str, ...]) -> Rejection | None:
    """Return why a strict source does not take an event with these problems."""
    return next((_REJECTIONS[problem] for problem in problems if problem in _REJECTIONS), None)
