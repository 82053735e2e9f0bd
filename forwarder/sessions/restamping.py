"""The session id that the forwarder has written into an event's body: reading it, and writing another one."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import msgspec

from forwarder.javascript.usual_dates import read_usual
from forwarder.sessions.facts import LONGEST_ID
from forwarder.sessions.stamp import REASON, assigned_reason, joined_id

_END: Final = b'}},"%b":' % REASON.encode()
_ID: Final = b'"session_id":'
_ACTIVE: Final = assigned_reason("active")
_encode = msgspec.json.Encoder().encode


class Stamp(NamedTuple):
    """A stamp in a body: where its id begins and ends, the id, and what else the event says.

    ``time``: when it happened, ms since the epoch; ``device``, ``user``: ids, empty where it names none.
    """

    begin: int
    end: int
    session_id: int
    device: str
    user: str
    time: int
    reason: str


class _Stamped(msgspec.Struct, gc=False):
    timestamp: str
    sessionReason: str  # noqa: N815 - as it stands in the event
    anonymousId: Any = None  # noqa: N815
    userId: Any = None  # noqa: N815


_stamped = msgspec.json.Decoder(_Stamped).decode


def stamp_of(body: bytes) -> Stamp | None:
    """Return the stamp that the session rules have written into a body; None where it has none."""
    end = body.rfind(_END)
    begin = body.rfind(_ID, 0, end) + len(_ID) if end > 0 else 0
    digits = body[begin:end]
    if not (end > 0 and digits.isdigit()):
        return None
    try:
        said = _stamped(body)
        time = read_usual(said.timestamp)
    except (msgspec.DecodeError, RecursionError, ValueError):
        return None
    if time is None or body[end:] != _ending(said.sessionReason):
        return None  # the event brought it along
    device, user = _text(said.anonymousId), _text(said.userId)
    return Stamp(begin, end, int(digits), device, user, time, said.sessionReason)


def restamped(body: bytes, stamp: Stamp, session_id: int) -> bytes:
    """Return the body with another session: the event is in the middle of it, or joined it."""
    reason = stamp.reason if joined_id(stamp.reason) else _ACTIVE
    return b"".join((body[: stamp.begin], _encode(session_id), _ending(reason)))


def _ending(reason: str) -> bytes:
    return b"".join((_END, _encode(reason), b"}"))


def _text(value: object) -> str:
    if isinstance(value, str):
        return value if len(value) <= LONGEST_ID else ""
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else ""
