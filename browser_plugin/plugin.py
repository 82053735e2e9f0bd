"""Enrich one event: its stamp, the two stored texts, and the session events to emit.

For Python callers: ``rules.enrich`` on a mapping of events and any storage. ``page/session.js`` gathers the
same facts and carries out the same patch with the objects that only a page has.
"""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from browser_plugin.destinations import NAME, NAMES
from browser_plugin.json_values import LIMIT, is_moment
from browser_plugin.rules import enrich
from browser_plugin.session import whole_ms
from browser_plugin.settings import TABLE, SessionSettings

if TYPE_CHECKING:
    from browser_plugin.session import Decision

ID_KEY = "analytics_session_id"
LAST_KEY = "analytics_session_id.last_access"
DESTINATION = NAME
FIELDS = ("type", "event", "name", "userId", "anonymousId")
"""What the rules look at in an event, beside its integrations."""


@dataclass(frozen=True, slots=True)
class Emitted:
    """A session event to track: when it happened and in which session, both in ms since the epoch."""

    name: str
    properties: dict[str, object]
    timestamp: int
    session_id: int
    integrations: dict[str, object] = field(default_factory=dict, compare=False)
    """Its own integrations: the session id, or the false of a visitor who consented to nothing."""


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

    def enrich(self, event: Mapping[str, Any], now: float, *, reset: bool = False) -> Enriched:
        """Return what one event at ``now`` (ms) becomes, and write both stored texts.

        ``reset`` begins a new session. The given event is not changed. Storage is written even where the
        event may not be stamped, as in Segment's reference: the visit goes on all the same. Raises ValueError
        where ``now`` is no time.
        """
        stamped = dict(event)
        patch = enrich(facts(event, now, self._stored(), self.settings, reset))
        if patch is None:
            return Enriched(stamped)
        self._store(patch["writes"])
        if patch["changes"]:
            given = event.get("integrations")
            kept = dict(given) if isinstance(given, Mapping) else {}
            stamped["integrations"] = {**kept, NAME: patch["options"]}
        emitted = [
            Emitted(one["name"], one["properties"], one["timestamp"], one["session_id"], one["integrations"])
            for one in patch["emitted"]
        ]
        return Enriched(stamped, emitted, patch["decision"])

    def _stored(self) -> tuple[str | None, str | None]:
        """Return both texts: the stored ones, or newer ones that could not be stored."""
        try:
            stored = self.storage.get(ID_KEY), self.storage.get(LAST_KEY)
        except Exception:  # any storage, any fault
            return self._kept
        newer = (whole_ms(self._kept[1]) or -1) > (whole_ms(stored[1]) or -1)
        return self._kept if newer else stored

    def _store(self, writes: Mapping[str, int]) -> None:
        self._kept = (None, None)
        texts = str(writes["id"]), str(writes["last"])
        try:
            self.storage[ID_KEY], self.storage[LAST_KEY] = texts
        except Exception:  # any storage, any fault
            self._kept = texts


def facts(
    event: Mapping[str, Any],
    now: float,
    stored: tuple[str | None, str | None],
    settings: SessionSettings,
    reset: bool,
) -> dict[str, Any]:
    """Return the facts that the rules are asked about; raises ValueError where ``now`` (ms) is no time."""
    whole = int(now) if 0 <= now < LIMIT else -1
    if whole < 0:
        raise ValueError(f"{now!r} is no time in milliseconds")
    given = event.get("integrations")
    integrations = (
        {name: given[name] for name in ("All", *NAMES) if name in given}
        if isinstance(given, Mapping)
        else None
    )
    return {
        "event": {**{name: event[name] for name in FIELDS if name in event}, "integrations": integrations},
        "time": moment_of(event.get("timestamp")),
        "born": 0,
        "now": whole,
        "stores": [[*(text or "" for text in stored), "1" if reset else ""]],
        "earlier": False,
        "before": None,
        "loaded": None,
        "visitor": None,
        "user": None,
        "settings": {setting.page: plain(getattr(settings, setting.name)) for setting in TABLE},
    }


def plain(value: object) -> object:
    """Return a setting as JSON has it."""
    return list(value) if isinstance(value, tuple) else value


def moment_of(timestamp: object) -> int | None:
    """Return an event's own time in ms since the epoch; None where it has none that can be read."""
    if isinstance(timestamp, str):
        try:
            timestamp = datetime.fromisoformat(timestamp)
        except ValueError:
            return None
    if isinstance(timestamp, datetime):
        zoned = timestamp if timestamp.tzinfo else timestamp.replace(tzinfo=UTC)
        return round(zoned.timestamp() * 1000)
    return int(timestamp) if is_moment(timestamp) else None  # type: ignore[call-overload]
