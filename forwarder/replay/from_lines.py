"""The events of a replay that come from files, checked and given their sessions as ingest does it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Final
from zlib import crc32

import orjson

from forwarder.cdn.session_rules import session_rules
from forwarder.config.settings import Settings, Source
from forwarder.enrichment.code import enrichments_of
from forwarder.enrichment.service import EnrichmentService
from forwarder.http.responses import Refusal
from forwarder.ingest.request import IngestRequest
from forwarder.ingest.service import IngestService
from forwarder.memory import RequestMemory
from forwarder.outcomes import Outcome
from forwarder.replay.archived import as_sent_now
from forwarder.replay.lines import LONGEST, FileError, Line
from forwarder.replay.scratch import Portion
from forwarder.spool import NewEvent

_LINES: Final = 100
"""Lines that are looked at together: an answer of ingest names so many rejected events."""
_BYTES: Final = 500_000
"""Bytes of these, but for a single one."""
_BATCH_BYTES: Final = 2 * (LONGEST + _BYTES)
_UNBOUNDED: Final = 1_000_000_000_000
"""A second: an archive is read as fast as it goes, by the operator, and no sender waits."""
_RATES: Final = ("requests_per_second", "events_per_second", "bytes_per_second")
_NOT_JSON: Final = ("not_json", "the line is no JSON object")
_TOO_LONG: Final = ("event_too_large", f"a line holds fewer than {LONGEST} bytes")


class LineSupply:
    """The supply of a replay from lines.

    ``report``: is told each line that is refused, with the reason's code and message; ``clock``: ms since
    the epoch.
    """

    def __init__(
        self,
        lines: Iterator[Line],
        settings: Settings,
        source: Source,
        report: Callable[[Line, str, str], None],
        clock: Callable[[], int],
    ) -> None:
        self._lines = lines
        self._report = report
        self._pending: Line | None = None
        self._read = self._checksum = 0
        self._over = False
        self._accepted: list[NewEvent] = []
        self._dropped = 0
        self._write_key = source.write_key
        strict = source.model_copy(update={"strict": True})  # says every reason
        batches = {"batch_events": _LINES, "batch_bytes": _BATCH_BYTES}
        limits = settings.limits.model_copy(update={**dict.fromkeys(_RATES, _UNBOUNDED), **batches})
        self._ingest = IngestService(
            [strict],
            limits,
            self,
            clock,
            self._count,
            RequestMemory(_UNBOUNDED),
            enricher=EnrichmentService(enrichments_of(settings), limits),
            session_rules=session_rules(settings),
        )

    def is_over(self, notes: Mapping[str, int]) -> bool:
        """Return whether no line is left."""
        return self._over

    async def next(self, notes: Mapping[str, int], now: int) -> Portion:
        """Return the events of the next lines. Raises FileError."""
        lines = await asyncio.to_thread(self._next_lines, notes["position"], notes.get("checksum", 0))
        refused: dict[Line, tuple[str, str]] = {}
        good: list[Line] = []
        texts: list[bytes] = []
        for line in lines:
            long = len(line.text) >= LONGEST
            text = None if long else as_sent_now(line.text, line.number)
            if text is None:
                refused[line] = _TOO_LONG if long else _NOT_JSON
            else:
                good.append(line)
                texts.append(text)
        self._accepted, self._dropped = [], 0
        if good:
            refused |= await self._ingested(good, b",".join(texts))
        for line in lines:
            if line in refused:
                self._report(line, *refused[line])
        events = self._accepted
        changed = {
            "position": self._read,
            "checksum": self._checksum,
            "rejected": notes.get("rejected", 0) + len(refused),
            "dropped": notes.get("dropped", 0) + self._dropped,
        }
        return Portion(events, [(one.source, one.message_id) for one in events], changed)

    def _next_lines(self, position: int, checksum: int) -> list[Line]:
        """Return some lines behind the first so many, whose checksum this is. Raises FileError."""
        if self._read < position:
            for before in islice(self._lines, position):
                self._checksum = crc32(before.text, self._checksum)
            if self._checksum != checksum:
                raise FileError(
                    "what is read is not what an earlier run of this command has read; give it the same, or"
                    " --anew"
                )
            self._read = position
        found: list[Line] = []
        size = 0
        while len(found) < _LINES:
            line = self._pending or next(self._lines, None)
            self._pending = None
            if line is None:
                self._over = True
                break
            size += len(line.text)
            if found and size > _BYTES:
                self._pending = line
                break
            found.append(line)
            self._checksum = crc32(line.text, self._checksum)
        self._read += len(found)
        return found

    async def _ingested(self, lines: Sequence[Line], events: bytes) -> dict[Line, tuple[str, str]]:
        """Have ingest take events of lines; return which it refuses, and why."""
        body = b'{"batch":[%b]}' % events
        try:
            answer = await self._ingest.take(IngestRequest(body, None, write_key=self._write_key))
        except Refusal as refusal:
            return dict.fromkeys(lines, (refusal.code, refusal.message))
        if answer.status == 200:
            return {}
        reasons = orjson.loads(answer.body)["errors"]
        return {lines[one["index"]]: (one["code"], one["message"]) for one in reasons}

    # -- what ingest hands on

    async def append(self, events: Sequence[NewEvent], now: int) -> list[bool]:
        """Take what ingest accepts."""
        self._accepted += events
        return [True] * len(events)

    def _count(self, source: str, outcome: Outcome, reason: str, count: int) -> None:
        if outcome is Outcome.FILTERED:
            self._dropped += count
