"""What a connection knows of the request that it is reading, and whether its headers are HTTP/1.1's."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

_HOST: Final = re.compile(rb"[A-Za-z0-9._~!$&'()*+,;=%:\[\]-]*")
"""What a Host header may consist of (RFC 9110, 7.2)."""
_VERSIONS: Final = ("1.1", "1.0")


class NoMoreRequests(Exception):  # noqa: N818 - ends the parsing, is no error
    """Nothing that follows on this connection is read any more."""


@dataclass(slots=True)
class RequestReading:
    """The part of a connection's request that was read so far; sizes in bytes.

    ``receiving``: whether a request has begun and not ended; ``in_headers``: whether its headers have not
    ended; ``size``: of the headers, and of trailers; ``hosts``: Host headers, of which there has to be one;
    ``unread``: since something of the request was handed over: of a header, a trailer or a chunk's beginning.
    """

    receiving: bool = False
    in_headers: bool = False
    size: int = 0
    hosts: int = 0
    unread: int = 0

    def count(self, name: bytes, value: bytes) -> None:
        """Count the bytes of a header or trailer, as they were sent."""
        self.size += len(name) + len(value) + 4

    def count_host(self, value: bytes) -> None:
        """Count a Host header, one that cannot be one as two."""
        self.hosts += 1 if _HOST.fullmatch(value) else 2

    def problem(self, method: bytes, version: str) -> tuple[int, str, str] | None:
        """Return status, code and message where the headers are not as HTTP/1.1 has them, else None."""
        if version not in _VERSIONS or method == b"CONNECT":
            return 400, "not_http", "this is not an HTTP/1.1 request to this server"
        if self.hosts != 1 and (self.hosts or version == "1.1"):
            return 400, "bad_host", "a request needs one Host header with the name it is sent to"
        return None


def without_upgrade(
    method: bytes, url: bytes, version: bytes, headers: Iterable[tuple[bytes, bytes]]
) -> bytes:
    """Return the bytes of a request's head without the upgrade that it offers; ``version``: like ``1.1``."""
    lines = [b"%b %b HTTP/%b" % (method, url, version)]
    lines += [b"%b: %b" % header for header in headers if header[0] != b"upgrade"]
    return b"\r\n".join(lines) + b"\r\n\r\n"
