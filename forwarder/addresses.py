"""Network addresses in the one form in which they are compared, counted and written into events."""

import re
from collections.abc import Iterable
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

_SUBNET_BITS = 64
"""A host gets at least a /64 of IPv6 (RFC 6177), so whatever lies in one counts as one sender."""
_HOST = re.compile(r"(?:\[([0-9A-Fa-f:.]{2,45})\]|([A-Za-z0-9.-]{1,253}))(?::[0-9]{1,5})?")
"""A name or address, and a port."""


@lru_cache(4_096)
def plain_address(text: str) -> str:
    """Return the address, IPv4 unmapped from IPv6 and without a zone; empty where ``text`` is none.

    A zone (``fe80::1%eth0``) has a meaning on one machine only, and may hold any character.
    """
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return ""
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return str(mapped or address)


@lru_cache(4_096)
def network_of(address: str) -> str:
    """Return what counts as one sender: an IPv4 address itself, the /64 of an IPv6 address."""
    if ":" not in address:
        return address
    return str(IPv6Network((int(IPv6Address(address)), _SUBNET_BITS), strict=False))


def with_mapped(networks: Iterable[str]) -> list[str]:
    """Return the networks, each of IPv4 also as a socket for both shows it (``::ffff:10.0.0.0/104``)."""
    found: list[str] = []
    for text in networks:
        network = ip_network(text)
        found.append(text)
        if isinstance(network, IPv4Network):
            found.append(f"::ffff:{network.network_address}/{96 + network.prefixlen}")
    return found


def is_loopback(host: str) -> bool:
    """Return whether a Host header's value (``localhost:8300``, ``[::1]:8300``) names this machine itself."""
    found = _HOST.fullmatch(host)
    if found is None:
        return False
    name = (found[1] or found[2]).lower().rstrip(".")
    address = plain_address(name)
    return ip_address(address).is_loopback if address else name == "localhost" or name.endswith(".localhost")
