"""Enrich one event: its stamp, the two stored texts, and the session events to emit.

For Python callers and as the plain statement of what the page does; ``page/plugin.js`` does the same with
the objects that only a page has.
"""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from browser_plugin.destinations import NAME, may_receive
from browser_plugin.session import decide, whole_ms
from browser_plugin.settings import SessionSettings

if TYPE_CHECKING:
    from browser_plugin.session import Decision

ID_KEY = "analytics_session_id"
LAST_KEY = "analytics_session_id.last_access"
DESTINATION = NAME


@dataclass(frozen=True, slots=True)
class Emitted:
    """A session event to track: when it happened and in which session, both in ms since the epoch."""

    name: str
    properties: dict[str, object]
    timestamp: int
    session_id: int


@dataclass(frozen=True, slots=True)
class Enriched:
    """What became of one event."""

    event: dict[str, Any]
    """The event, stamped unless its integrations or its type say no."""
    emitted: list[Emitted] = field(default_factory=list)
    """Session events, in the order in which they have to be tracked."""
    decision: Decision | None = None
    """Why; None where the event does not concern sessions at all."""


class SessionPlugin:
    """Stamps events with the session id kept in ``storage`` (texts by key).

    A storage that fails breaks no event: what it does not take or give back is kept in memory.
    """

    def __init__(self, settings: SessionSettings, storage: MutableMapping[str, str]) -> None:
        self.settings = settings
        self.storage = storage
        self._kept: tuple[str | None, str | None] = (None, None)

    def enrich(self, event: Mapping[str, Any], now: int, *, reset: bool = False) -> Enriched:
        """Return what one event at ``now`` (ms) becomes, and write both stored texts.

        ``reset`` begins a new session. The given event is not changed. Storage is written even where the
        event may not be stamped, as in Segment's reference: the visit goes on all the same.
        """
        settings = self.settings
        stamped = dict(event)
        if event.get("type") not in settings.event_types or is_own(event, settings):
            return Enriched(stamped)
        done = decide(*self._stored(), now, settings.session_length, settings.maximum_length, reset)
        self._store(done["session_id"], now)
        if takes_stamp(event.get("integrations")):
            stamped["integrations"] = with_stamp(event.get("integrations"), done["session_id"])
        return Enriched(stamped, session_events(done, now, settings), done)

    def _stored(self) -> tuple[str | None, str | None]:
        """Return both texts: the stored ones, or newer ones that could not be stored."""
        try:
            stored = self.storage.get(ID_KEY), self.storage.get(LAST_KEY)
        except Exception:  # any storage, any fault
            return self._kept
        newer = (whole_ms(self._kept[1]) or -1) > (whole_ms(stored[1]) or -1)
        return self._kept if newer else stored

    def _store(self, session_id: int, now: int) -> None:
        self._kept = (None, None)
        try:
            self.storage[ID_KEY] = str(session_id)
            self.storage[LAST_KEY] = str(now)
        except Exception:  # any storage, any fault
            self._kept = (str(session_id), str(now))


def is_own(event: Mapping[str, Any], settings: SessionSettings) -> bool:
    """Tell whether this is a session event of ours coming round again: it keeps its stamp.

    Segment's reference stamps it anew, which puts the end of a session into the next one.
    """
    integrations = event.get("integrations")
    options = integrations.get(DESTINATION) if isinstance(integrations, Mapping) else None
    return (
        event.get("type") == "track"
        and event.get("event") in (settings.started_name, settings.ended_name)
        and isinstance(options, Mapping)
        and isinstance(options.get("session_id"), int)
    )


def takes_stamp(integrations: object) -> bool:
    """Tell whether the event may carry the session id to Amplitude: where it may go there."""
    return may_receive(integrations)


def with_stamp(integrations: object, session_id: int) -> dict[str, Any]:
    """Return the integrations with the session id beside the destination's other options."""
    kept = dict(integrations) if isinstance(integrations, Mapping) else {}
    options = kept.get(DESTINATION)
    kept[DESTINATION] = {**(options if isinstance(options, Mapping) else {}), "session_id": session_id}
    return kept


def session_events(done: Decision, now: int, settings: SessionSettings) -> list[Emitted]:
    """Return the end of the old session, if there was one, and the start of the new one."""
    emitted: list[Emitted] = []
    if not (settings.session_events and done["started"]):
        return emitted
    ended_id, ended_last = done["ended_id"], done["ended_last"]
    if ended_id is not None and ended_last is not None:
        duration: dict[str, object] = {"duration": max(0, ended_last - ended_id)}
        emitted.append(Emitted(settings.ended_name, duration, ended_last, ended_id))
    emitted.append(Emitted(settings.started_name, {}, now, done["session_id"]))
    return emitted
