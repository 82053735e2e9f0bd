"""The address that a request comes from, as the connection or a trusted proxy says it."""

from functools import lru_cache
from typing import Final

from starlette.types import Scope

from forwarder.addresses import plain_address

_LONGEST: Final = 64
"""Characters of what may be an address with a port; a longer text is none, and is not remembered."""


def address_of(scope: Scope) -> str:
    """Return the sender's address; empty where it is not known."""
    said: str = scope["client"][0] if scope.get("client") else ""
    return _address(said) if len(said) <= _LONGEST else ""


@lru_cache(4_096)
def _address(said: str) -> str:
    """Return what is an address of what a proxy says: some add the port, some say ``unknown``."""
    return plain_address(said) or plain_address(said.rpartition(":")[0].strip("[]"))
