"""Session Started and Session Ended: which of them an event brings about, what they say (see ``rules``)."""

from __future__ import annotations

from browser_plugin.destinations import NAME, field, is_denied
from browser_plugin.json_values import as_text, copied, is_moment

TYPE_CHECKING = False
"""True to type checkers only: see ``rules``."""

if TYPE_CHECKING:
    from typing import Any

    from browser_plugin.json_values import Facts

SOON = 60_000
"""Milliseconds for which an event may have waited: one that is older does not date the session's start."""


def session_event(
    kind: str,
    name: str,
    session_id: float,
    at: float,
    who: dict[str, Any],
    options: object,
    more: dict[str, Any],
) -> dict[str, Any]:
    """Return one session event.

    Its message id is the same in every tab and at every try: whoever receives it twice knows it. Its user and
    device are those whose session it is.
    """
    whom = as_text(field(who, "anonymousId"))
    if len(whom) < 1:
        whom = as_text(field(who, "userId"))
    stamped = options
    if options is not False:
        stamped = copied(options)
        stamped["session_id"] = session_id
    return {
        "name": name,
        "properties": more,
        "timestamp": at,
        "session_id": session_id,
        "messageId": "session-" + kind + "-" + str(session_id) + "-" + whom,
        "integrations": {NAME: stamped},
        "who": {"anonymousId": field(who, "anonymousId"), "userId": field(who, "userId")},
    }


def began(time: Any, now: float, last: float | None) -> float:
    """Return when a session began: when its first event happened, never before the last one's activity."""
    at = now
    if is_moment(time) and time < now and now - time <= SOON:
        at = time
    if last is not None and last > at and last < now:
        at = last
    return at


def session_events(facts: Facts, basis: dict[str, Any], done: Any, visitor: Any) -> list[dict[str, Any]]:
    """Return the end of the old session, if there was one, and the start of the new one.

    They are for all destinations: what the event that began the session says of others is not theirs. Its
    plain false for this one is, for a consent tool set it.
    """
    settings = facts["settings"]
    emitted: list[dict[str, Any]]
    emitted = []
    if not (done["started"] and settings["sessionEvents"]):
        return emitted
    options = field(facts["loaded"], NAME)
    if is_denied(basis["integrations"]):
        options = False
    ended = done["ended_id"]
    last = done["ended_last"]
    if ended is not None:
        who = visitor
        if facts["visitor"] is not None:
            who = facts["visitor"]
        duration = {"duration": max(0, last - ended)}
        emitted.append(session_event("ended", settings["endedName"], ended, last, who, options, duration))
    at = began(facts["time"], facts["now"], last)
    emitted.append(
        session_event("started", settings["startedName"], done["session_id"], at, visitor, options, {})
    )
    return emitted
