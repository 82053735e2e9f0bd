"""How a stream answers its writer, and whether it is still the writer's own and complete."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import NamedTuple, NoReturn

import structlog

from forwarder.spool.jetstream.connection import Connection

_log = structlog.get_logger(__name__)
_RECONNECT_S = 10.0
"""Silence of a stream after which another server is tried: the one in use may be cut off from the others."""
_BEHIND_S = 5.0
"""How long the stream has to be behind its writer before that is believed: an old leader may answer first."""
SURE_S = 2.0
"""How long a sign that the stream is ours counts. Nobody else may take it over sooner (``standby``)."""
REFUSED_S = 15.0
"""How long a refusal is reported where nothing more is written: then events are to come and try again."""


def elapsed_s() -> float:
    """Return a time in s that goes on while the machine is suspended, where the system has such a clock."""
    clock = getattr(time, "CLOCK_BOOTTIME", None)
    return time.monotonic() if clock is None else time.clock_gettime(clock)


class Incomplete(Exception):  # noqa: N818 - a state of the stream
    """The stream lacks what its writer knows: it was purged or deleted by hand."""


class Moment(NamedTuple):
    """A moment at which the stream is asked. ``at``: by the clock; ``losses``: the connection's so far."""

    at: float
    losses: int


class StreamHealth:
    """The health of one stream, as its writer sees it. It belongs to the event loop.

    ``why``: why nothing can be written, "" where it can. By ``clock``: ``ours_at``, when the stream was last
    asked whether its end is ours, and it was; ``refused_at``, when a record was last refused.
    """

    def __init__(self, connection: Connection, clock: Callable[[], float] = elapsed_s) -> None:
        """``clock``: s that go on whether or not this process and its machine do."""
        self._connection = connection
        self.clock = clock
        self.ours_at = clock()
        self.refused_at: float | None = None
        self.why = ""
        self._behind_since: float | None = None
        self._renewed_at = 0.0
        self._losses = connection.losses

    @property
    def unsure_s(self) -> float:
        """For how many seconds the stream may have been another one's."""
        return self.clock() - self.ours_at

    @property
    def is_sure(self) -> bool:
        """Whether anybody may be told that the stream is ours.

        It is not where the connection is broken: NATS then tells those who stand by that nobody serves. Once
        there is a connection again, the stream has to be asked anew.
        """
        connection = self._connection
        unbroken = connection.is_connected and connection.losses == self._losses
        return unbroken and self.unsure_s < SURE_S

    @property
    def is_refused(self) -> bool:
        """Whether a record was refused within the last ``REFUSED_S``."""
        return self.refused_at is not None and self.clock() - self.refused_at < REFUSED_S

    def silent(self, why: str) -> None:
        """The stream does not answer: report that once, and try another server now and then."""
        if not self.why:
            _log.warning("the stream takes nothing; events wait", stream=str(self._connection.place), why=why)
        self.why = f"it does not answer: {why}"
        now = self.clock()
        if now - max(self.ours_at, self._renewed_at) >= _RECONNECT_S:
            self._renewed_at = now
            self._connection.renew()

    def refused(self, why: str) -> None:
        """The stream refuses a record: report that once."""
        if self.refused_at is None:
            _log.warning("the stream refuses events", stream=str(self._connection.place), why=why)
        self.refused_at = self.clock()

    def moment(self) -> Moment:
        """Return what ``ours`` has to know of a question that is asked now."""
        return Moment(self.clock(), self._connection.losses)

    def ours(self, asked: Moment) -> None:
        """The stream has answered that its end was ours when it was asked, or later.

        When the answer is read proves nothing: it may have waited here while this process stood still.
        """
        if self.why:
            _log.info("the stream takes events again", stream=str(self._connection.place))
        self.ours_at, self._losses = max(self.ours_at, asked.at), max(self._losses, asked.losses)
        self.why, self._behind_since = "", None

    def behind(self) -> None:
        """The stream holds less than its writer knows. Raises Incomplete once that is sure."""
        now = self.clock()
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
