"""How a stream answers its writer, and whether it is still the writer's own and complete."""

from __future__ import annotations

import time
from typing import NoReturn

import structlog

from forwarder.spool.jetstream.connection import Connection

_log = structlog.get_logger(__name__)
_RECONNECT_S = 10.0
"""Silence of a stream after which another server is tried: the one in use may be cut off from the others."""
_BEHIND_S = 5.0
"""How long the stream has to be behind its writer before that is believed: an old leader may answer first."""


class Incomplete(Exception):  # noqa: N818 - a state of the stream
    """The stream lacks what its writer knows: it was purged or deleted by hand."""


class StreamHealth:
    """The health of one stream, as its writer sees it. It belongs to the event loop.

    ``why``: why nothing can be written, "" where it can. By ``time.monotonic()``: ``ours_at``, when the
    stream's end was last known to be ours; ``refused_at``, when a record was last refused.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.ours_at = time.monotonic()
        self.refused_at: float | None = None
        self.why = ""
        self._behind_since: float | None = None
        self._renewed_at = 0.0

    def silent(self, why: str) -> None:
        """The stream does not answer: report that once, and try another server now and then."""
        if not self.why:
            _log.warning("the stream takes nothing; events wait", stream=str(self._connection.place), why=why)
        self.why = f"it does not answer: {why}"
        now = time.monotonic()
        if now - max(self.ours_at, self._renewed_at) >= _RECONNECT_S:
            self._renewed_at = now
            self._connection.renew()

    def refused(self, why: str) -> None:
        """The stream refuses a record: report that once."""
        if self.refused_at is None:
            _log.warning("the stream refuses events", stream=str(self._connection.place), why=why)
        self.refused_at = time.monotonic()

    def ours(self) -> None:
        """The stream has shown that its end is ours."""
        if self.why:
            _log.info("the stream takes events again", stream=str(self._connection.place))
        self.ours_at, self.why, self._behind_since = time.monotonic(), "", None

    def behind(self) -> None:
        """The stream holds less than its writer knows. Raises Incomplete once that is sure."""
        now = time.monotonic()
        self._behind_since = self._behind_since or now
        if now - self._behind_since >= _BEHIND_S:
            self.incomplete("messages are missing")

    def incomplete(self, why: str) -> NoReturn:
        """Raise Incomplete: the stream lacks what its writer knows."""
        self.why = why
        raise Incomplete

    def restored(self) -> None:
        """The stream begins anew with what its writer tells it."""
        self._behind_since = None
