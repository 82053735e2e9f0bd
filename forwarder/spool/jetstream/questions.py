"""Asking the forwarder that writes a stream: whether it is there, and to do something with dead letters."""

import msgspec
from nats.aio.client import Client

from forwarder.spool.place import Place


class Question(msgspec.Struct, frozen=True, omit_defaults=True):
    """Dead letters to send again and to drop, by number; nothing: whether it is there."""

    retry: list[int] = []
    drop: list[int] = []


class Reply(msgspec.Struct, frozen=True):
    """How many there were, or why it could not be done."""

    count: int
    error: str = ""


async def ask(client: Client, place: Place, question: Question, timeout_s: float) -> Reply:
    """Return what the forwarder says. Raises nats.errors.Error where there is none, or it is silent."""
    message = await client.request(place.ask, msgspec.json.encode(question), timeout=timeout_s)
    return msgspec.json.decode(message.data, type=Reply)
