"""The session policy decides which session an event at ``now`` belongs to.

Plain functions of (stored id, stored last access, now, settings). The same source runs in CPython, in
Pyodide, in the frozen module and, compiled by PScript, as JavaScript; so it keeps to what all of them do
alike: whole numbers below 10**15, ASCII digits checked one by one, no classes, no formatting of numbers
other than whole ones. Change the rules here and nowhere else.

The rules are those of Segment's reference plugin (30 minutes without an event end a session; the session's
id is the time of its first event), with the differences that the project's README lists.
"""

from __future__ import annotations

TYPE_CHECKING = False
"""True to type checkers only: the frozen module would carry what importing typing brings in."""

if TYPE_CHECKING:
    from typing import TypedDict

    class Decision(TypedDict):
        """What to do about one event. Times and ids in ms since the epoch."""

        session_id: int
        """The session the event belongs to."""
        started: bool
        """Whether this event begins that session."""
        reason: str
        """``first visit``, ``active``, ``idle``, ``reset``, ``maximum`` or ``unusable``."""
        idle: int
        """Milliseconds since the last activity; 0 where unknown or where the clock went back."""
        ended_id: int | None
        """The session that ended, if one was stored."""
        ended_last: int | None
        """That session's last activity."""


def whole_ms(text: str | None) -> int | None:
    """Return stored text as a whole number of milliseconds, None for anything else.

    Fifteen digits keep every sum exact in JavaScript's numbers as well, and reach past the year 30,000.
    """
    if text is None or len(text) < 1 or len(text) > 15 or len(text.strip("0123456789")) > 0:
        return None
    return int(text)


def decide(
    stored_id: str | None, stored_last: str | None, now: int, length: float, maximum: float, reset: bool
) -> Decision:
    """Decide about one event at ``now`` (ms).

    ``stored_id``, ``stored_last``: the two stored texts, None or empty where there is none. ``length``:
    milliseconds without an event that end a session; exactly that many end it. ``maximum``: milliseconds a
    session may last in all, 0 for any. ``reset``: the visitor or the page asked for a new session.

    A clock that went back keeps the session. A stored id whose last access is lost or unusable ends as of
    its start, the last moment at which it is known to have been alive.
    """
    session_id = whole_ms(stored_id)
    last = whole_ms(stored_last)
    idle = 0
    if last is not None and now > last:
        idle = now - last
    started = True
    current = now
    reason = "active"
    if session_id is None:
        reason = "first visit"
        if stored_id is not None and len(stored_id) > 0:
            reason = "unusable"
    elif last is None:
        reason = "unusable"
    elif reset is True:
        reason = "reset"
    elif now - last >= length:
        reason = "idle"
    elif maximum > 0 and now - session_id >= maximum:
        reason = "maximum"
    else:
        started = False
        current = session_id
    ended_id = None
    ended_last = None
    if started is True and session_id is not None:
        ended_id = session_id
        ended_last = session_id if last is None else last
    return {
        "session_id": current,
        "started": started,
        "reason": reason,
        "idle": idle,
        "ended_id": ended_id,
        "ended_last": ended_last,
    }
