"""How answers leave: head and body together, everything else at once."""

import asyncio

from forwarder.heads import Heads

HEAD = b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\n"


class Wire(asyncio.Transport):
    """A transport that notes what it is given."""

    def __init__(self) -> None:
        super().__init__()
        self.written: list[bytes] = []
        self.closed = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Note it, unless the connection is closed."""
        if not self.closed:
            self.written.append(bytes(data))

    def close(self) -> None:
        """Note that it is closed."""
        self.closed = True

    def is_closing(self) -> bool:
        """Tell whether it is."""
        return self.closed


def test_head_and_body_leave_together_and_further_parts_at_once() -> None:
    """The first part takes the head along."""
    wire = Wire()
    heads = Heads(wire)
    for part in (HEAD, b"bo", b"dy"):
        heads.write(part)
    assert wire.written == [HEAD + b"bo", b"dy"]


def test_an_empty_body_takes_its_head_along() -> None:
    """As of 204."""
    wire = Wire()
    heads = Heads(wire)
    heads.write(HEAD)
    heads.write(b"")
    assert wire.written == [HEAD]


def test_a_head_alone_leaves_once_the_answer_has_ended() -> None:
    """As to HEAD; the next answer begins anew."""
    wire = Wire()
    heads = Heads(wire)
    heads.write(HEAD)
    heads.flush()
    heads.flush()
    heads.write(HEAD)
    heads.write(b"body")
    assert wire.written == [HEAD, HEAD + b"body"]


def test_leave_to_send_a_body_is_given_at_once() -> None:
    """It is waited for."""
    wire = Wire()
    heads = Heads(wire)
    heads.write(b"HTTP/1.1 100 Continue\r\n\r\n")
    assert wire.written == [b"HTTP/1.1 100 Continue\r\n\r\n"]


def test_what_is_kept_is_written_before_the_connection_closes() -> None:
    """An answer that breaks off was begun."""
    wire = Wire()
    heads = Heads(wire)
    heads.write(HEAD)
    assert not heads.is_closing()
    heads.close()
    assert heads.is_closing()
    assert wire.written == [HEAD]
