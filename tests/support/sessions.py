"""Events that go through ingest and spool in this process, with a clock that the test sets."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from forwarder.cdn.session_rules import session_rules
from forwarder.config.settings import Settings
from forwarder.ingest.request import IngestRequest
from forwarder.ingest.service import IngestService
from forwarder.spool import Spool

MINUTE = 60_000
START = 1_795_000_000_000
PAGE: dict[str, Any] = {"library": {"name": "analytics.js", "version": "1"}}
SERVER: dict[str, Any] = {"library": {"name": "analytics-python", "version": "1"}}
NAME = "Actions Amplitude"


def iso(ms: int) -> str:
    """Return a time as libraries write it."""
    return datetime.fromtimestamp(ms / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def event(
    name: str, minutes: float, device: str | None = "anon-1", user: str | None = None, **more: Any
) -> dict[str, Any]:
    """Return a page's track event, so many minutes after ``START``; its name is its message id as well."""
    made = {
        "type": "track",
        "event": name,
        "messageId": name,
        "anonymousId": device,
        "userId": user,
        "timestamp": iso(START + int(minutes * MINUTE)),
        "context": PAGE,
        **more,
    }
    return {key: value for key, value in made.items() if value is not None}


def stamp(session_id: object) -> dict[str, Any]:
    """Return the integrations of an event that brings a session id."""
    return {NAME: {"session_id": session_id}}


class Front:
    """Ingest before a spool. ``now``: what its clock says."""

    def __init__(
        self, spool: Spool, session: dict[str, Any] | None = None, **sources: dict[str, Any]
    ) -> None:
        """``session``: the table of that name; ``sources``: each one's own."""
        named = [
            {"name": name, "write_key": name, "session": own}
            for name, own in (sources or {"shop": {}}).items()
        ]
        to = {"name": "amplitude", "settings": {"apiKey": "k"}}
        limits = {"requests_per_second": 10**6, "events_per_second": 10**7, "bytes_per_second": 10**10}
        settings = Settings.model_validate(
            {"sources": named, "session": session or {}, "destinations": [to], "limits": limits}
        )
        self.now = START
        self.spool = spool
        self.rules = session_rules(settings)
        self._service = IngestService(
            settings.sources,
            settings.limits,
            spool,
            lambda: self.now,
            lambda *_: None,
            session_rules=self.rules,
        )

    @staticmethod
    def body(*events: dict[str, Any]) -> bytes:
        """Return the body of a request."""
        return json.dumps({"batch": events}).encode()

    async def post(self, body: bytes, source: str = "shop") -> None:
        """Accept the events of a body."""
        answer = await self._service.take(IngestRequest(body=body, kind=None, write_key=source))
        assert answer.status == 200

    async def take(self, *events: dict[str, Any], source: str = "shop") -> None:
        """Accept events that come together."""
        await self.post(self.body(*events), source)

    async def end(self) -> int:
        """Have sessions closed that nobody continued."""
        return await self.spool.end_sessions(self.rules, self.now)


async def kept(spool: Spool) -> dict[str, dict[str, Any]]:
    """Return all events in the spool by message id, as a destination has them; their sessions are final."""
    return {one.message_id: json.loads(one.body) for one in spool.hand_on(await spool.read(0, 1_000_000))}


def session_of(event: dict[str, Any]) -> Any:
    """Return the session id of a kept event; None where it has none."""
    return event.get("integrations", {}).get(NAME, {}).get("session_id")


async def minutes_of(spool: Spool, names: Sequence[str] = ()) -> dict[str, float | None]:
    """Return for each event the minute after ``START`` at which its session began; None for none."""
    found = {name: session_of(one) for name, one in (await kept(spool)).items()}
    return {
        name: None if session_id is None else (session_id - START) / MINUTE
        for name, session_id in found.items()
        if not names or name in names
    }
