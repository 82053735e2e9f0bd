"""The head of an answer, kept until something of its body comes: both leave in one call to the system."""

import asyncio
from typing import Final

_CONTINUE: Final = b"HTTP/1.1 100 "
"""How the one head begins that is no answer's, and has to leave at once."""


class Heads(asyncio.Transport):
    """What the answers of one connection, one after another, are written through.

    Whoever answers without a body calls ``flush``.
    """

    def __init__(self, transport: asyncio.Transport) -> None:
        super().__init__()
        self._transport = transport
        self._head = b""

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Write what is not a head, with the head before it."""
        if self._head:
            head, self._head = self._head, b""
            self._transport.write(head + data)
        elif data[:5] == b"HTTP/" and data[-4:] == b"\r\n\r\n" and data[:13] != _CONTINUE:
            self._head = bytes(data)
        else:
            self._transport.write(data)

    def flush(self) -> None:
        """Write the head that still is kept."""
        if self._head:
            head, self._head = self._head, b""
            self._transport.write(head)

    def close(self) -> None:
        """Close once all is written."""
        self.flush()
        self._transport.close()

    def is_closing(self) -> bool:
        """Tell whether the connection is closed or about to be."""
        return self._transport.is_closing()
