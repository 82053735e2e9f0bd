"""The path below which a proxy serves the forwarder, like ``/seg`` of ``https://shop.example.com/seg``."""

import re
from collections.abc import Callable, Iterable
from functools import lru_cache
from ipaddress import ip_address, ip_network
from typing import Final

from starlette.types import ASGIApp, Receive, Scope, Send

PREFIX: Final = re.compile(r"(?:/[A-Za-z0-9._~-]+)+")
_HEADER: Final = b"x-forwarded-prefix"
_KEY: Final = "forwarder.prefix"


class BelowPrefix:
    """Has an application answer whether the proxy in front cuts the prefix off or passes the whole path on.

    A trusted proxy may name the prefix in ``X-Forwarded-Prefix``; otherwise the configured one counts.
    """

    def __init__(self, app: ASGIApp, trusted: Iterable[str], configured: Callable[[], str]) -> None:
        """``trusted``: addresses and networks; ``configured`` is asked at every request, may be empty."""
        self._app = app
        self._networks = [ip_network(one) for one in trusted]
        self._configured = configured
        self._trusts = lru_cache(4_096)(self._is_trusted)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Have one request answered."""
        prefix = self._configured()
        if self._networks and scope.get("client") and self._trusts(scope["client"][0]):
            prefix = _said(scope["headers"]) or prefix
        if prefix:
            path = scope["path"]
            below = path.removeprefix(prefix) if path.startswith(f"{prefix}/") else path
            scope = {**scope, "path": below, "raw_path": below.encode(), _KEY: prefix}
        await self._app(scope, receive, send)

    def _is_trusted(self, peer: str) -> bool:
        try:
            address = ip_address(peer.partition("%")[0])
        except ValueError:
            return False
        mapped = getattr(address, "ipv4_mapped", None)
        return any((mapped or address) in network or address in network for network in self._networks)


def prefix_of(scope: Scope) -> str:
    """Return the prefix that a trusted proxy or the configuration names for a request, or nothing."""
    prefix: str = scope.get(_KEY, "")
    return prefix


def _said(headers: Iterable[tuple[bytes, bytes]]) -> str:
    for name, value in headers:
        if name == _HEADER:
            text = value.decode("latin-1").strip().rstrip("/")
            return text if PREFIX.fullmatch(text) and "/.." not in text else ""
    return ""
