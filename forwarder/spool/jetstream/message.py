"""What lies in a stream: messages in the forwarder's own envelope, and stray ones from elsewhere."""

from __future__ import annotations

import msgspec


class Message(msgspec.Struct, frozen=True, array_like=True):
    """Part of a record. ``writer`` and ``record`` make it unlike any other; ``base``: see ``Log.base``."""

    writer: str
    record: int
    part: int
    parts: int
    base: int
    data: bytes


encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Message).decode


def decode(data: bytes | None) -> Message | None:
    """Return the message, or None for a stray one, which no forwarder wrote."""
    try:
        return _decode(data or b"")
    except msgspec.DecodeError:
        return None
