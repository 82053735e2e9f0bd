"""Asking the forwarder that writes a stream: whether it is there, and to change what it holds."""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Callable

import msgspec
from nats.aio.msg import Msg

from forwarder.errors import SpoolError
from forwarder.spool.jetstream.connection import NATS_ERRORS, Connection
from forwarder.spool.suppression import Erasure, UserMark


class ControlRequest(msgspec.Struct, frozen=True, omit_defaults=True):
    """A request to the forwarder that writes the stream, one thing at a time; nothing: whether it is there.

    ``retry``, ``drop``: dead letters to send again and to drop, by number; ``mark``: users to mark as
    deleted, at ``now``; ``lift``: hashes of deleted users whose later events are let through again;
    ``awaits``: whether deliveries do not know this erasure yet; ``erase``: events to remove.
    """

    retry: list[int] = []
    drop: list[int] = []
    mark: list[UserMark] = []
    lift: list[bytes] = []
    now: int = 0
    awaits: int = 0
    erase: Erasure | None = None


class ControlReply(msgspec.Struct, frozen=True):
    """The reply: how many there were, or why it could not be done."""

    count: int
    error: str = ""


async def request(connection: Connection, question: ControlRequest, timeout_s: float) -> ControlReply:
    """Return what the forwarder says. Raises one of NATS_ERRORS where there is none, or it is silent."""
    data = await connection.request(connection.place.ask, msgspec.json.encode(question), timeout_s)
    try:
        return msgspec.json.decode(data, type=ControlReply)
    except msgspec.DecodeError:
        return ControlReply(0, "the forwarder that serves is of another version")


class Desk:
    """The desk of the forwarder that writes a stream, or is about to: it answers requests.

    Whoever is taking the stream over answers already, so that others go on standing by.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._answer: Callable[[ControlRequest], Awaitable[int]] = _not_yet
        self._may: Callable[[], Awaitable[bool]] = _always

    async def open(self) -> None:
        """Answer from now on that somebody is there. Raises one of NATS_ERRORS."""
        self._answer, self._may = _not_yet, _always
        await self._connection.subscribe(self._connection.place.ask, self._reply)

    def serve(
        self, answer: Callable[[ControlRequest], Awaitable[int]], may: Callable[[], Awaitable[bool]]
    ) -> None:
        """Do what is asked for. ``answer`` may raise SpoolError; ``may``: whether to answer at all."""
        self._answer, self._may = answer, may

    async def close(self) -> None:
        """Answer no more."""
        await self._connection.unsubscribe(self._connection.place.ask)

    async def _reply(self, message: Msg) -> None:
        count, error = 0, ""
        try:
            question = msgspec.json.decode(message.data, type=ControlRequest)
            if not await self._may():
                return
            if question != ControlRequest():
                count = await self._answer(question)
        except (SpoolError, msgspec.DecodeError) as failure:
            error = str(failure)
        with contextlib.suppress(*NATS_ERRORS):  # whoever asked will ask again
            await message.respond(msgspec.json.encode(ControlReply(count, error)))


async def _not_yet(question: ControlRequest) -> int:
    raise SpoolError("a forwarder is just taking over; say it again")


async def _always() -> bool:
    return True
