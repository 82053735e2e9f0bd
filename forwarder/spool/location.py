"""Where a stream is: ``nats://one:4222,two:4222/name``, as the configuration says it."""

import re
from typing import NamedTuple

SCHEMES = ("nats://", "tls://")
_SERVER = re.compile(r"(?:\[[0-9a-fA-F:]+\]|[A-Za-z0-9_.-]+)(?::[0-9]{1,5})?")
_STREAM = re.compile(r"[A-Za-z0-9_-]{1,64}")


class StreamUrl(NamedTuple):
    """``servers``: each with its scheme; ``stream``: its name."""

    servers: list[str]
    stream: str

    @property
    def log(self) -> str:
        """The subject of what is written."""
        return f"{self.stream}.log"

    @property
    def ask(self) -> str:
        """The subject on which the forwarder that writes can be asked."""
        return f"{self.stream}.ask"

    @property
    def farewell(self) -> str:
        """The subject on which a forwarder that stops says that others may take over at once."""
        return f"{self.stream}.farewell"

    def __str__(self) -> str:
        return f"{','.join(self.servers)}/{self.stream}"


def is_stream_url(text: str) -> bool:
    """Return whether the text names a stream, not a file."""
    return "://" in text


def parse_stream_url(text: str) -> StreamUrl:
    """Return the place. Raises ValueError saying what is wrong."""
    scheme = next((one for one in SCHEMES if text.startswith(one)), None)
    if scheme is None:
        raise ValueError("must be a file's path, or nats://host:4222/stream, or tls://...")
    hosts, _, stream = text.removeprefix(scheme).partition("/")
    if "@" in hosts:
        raise ValueError("must not hold a login; put a token into spool.token")
    servers = hosts.split(",")
    if not all(map(_SERVER.fullmatch, servers)):
        raise ValueError("must name servers like nats://one:4222,two:4222/stream")
    if not _STREAM.fullmatch(stream):
        raise ValueError(
            "must end in the stream's name: letters, digits, _ and -, like nats://host:4222/events"
        )
    return StreamUrl([scheme + server for server in servers], stream)
