"""The page's own policy, asked with numbers: ``browser_plugin.session.decide``."""

from __future__ import annotations

from browser_plugin.session import decide
from forwarder.sessions.device import Session
from forwarder.sessions.facts import SessionRules


def reason_at(session: Session | None, time: int, rules: SessionRules, another_user: bool) -> str:
    """Return the policy's reason about an event at ``time`` (ms): ``active`` where the session goes on."""
    stored_id, stored_last = (None, None) if session is None else (str(session.id), str(session.last))
    said = decide(stored_id, stored_last, time, rules.length, rules.maximum, another_user)
    return "another user" if said["reason"] == "reset" else said["reason"]


def goes_on(session: Session, time: int, rules: SessionRules) -> bool:
    """Return whether ``reason_at`` is ``active``, in a tenth of its time.

    For an event that is not before the session's first and of the same user. The test is
    ``tests/property/test_sessions.py``, the benchmark ``bench forwarder --only sessions``.
    """
    return not time - session.last >= rules.length and not (0 < rules.maximum <= time - session.id)
