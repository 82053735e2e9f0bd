"""A request to accept events, apart from the transport that brought it."""

import msgspec


class IngestRequest(msgspec.Struct, frozen=True, gc=False):  # made in a sixth of a data class's time
    """A request. ``origin``: of the page that sent it, empty for no page."""

    body: bytes
    kind: str | None
    """The type that the route names; None: a batch."""
    encoding: bytes = b""
    authorization: bytes = b""
    write_key: str = ""
    """What the address or a header of its own says; before the body's, which Jitsu masks."""
    origin: bytes = b""
    address: str = ""
