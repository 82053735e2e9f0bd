"""Proofs that somebody had the operator's token: a browser's cookie, and a link that signs in once.

A proof names its end and is signed with the token, so nothing is kept of it: it outlives a restart, holds in
every process, and ends with the token.
"""

import hashlib
import hmac
import secrets
from typing import Final

COOKIE: Final = "forwarder_console"
SIGNED_IN_MS: Final = 12 * 3_600_000
"""How long a browser stays signed in: a working day."""
LINK_MS: Final = 10 * 60_000
"""How long a link may be used: it is opened by whoever has just had it printed."""
_MOST_USED: Final = 1_000
"""Links remembered as used; the operator's own programs make them, a handful in ten minutes."""
_LONGEST: Final = 200
"""Characters of a cookie's proof: ours has a hundred; what is longer is not compared."""


def cookie(token: str, now: int) -> str:
    """Return the value of a cookie that signs in from ``now`` (ms since the epoch) on."""
    return _proof(token, "cookie", now + SIGNED_IN_MS)


def is_cookie(token: str, value: str, now: int) -> bool:
    """Return whether a cookie's value was made with this token, and its time has not run out."""
    return _holds(token, "cookie", value, now)


def link(token: str, now: int) -> str:
    """Return a path of the forwarder that signs a browser in once and soon. It does not hold the token."""
    return f"/console/sign-in?once={_proof(token, 'link', now + LINK_MS)}"


class UsedLinks:
    """The links that were used, until their time has run out."""

    def __init__(self) -> None:
        self._until: dict[str, int] = {}

    def takes(self, token: str, code: str, now: int) -> bool:
        """Return whether a link's ``once`` signs in, and remember that it did."""
        self._until = {used: until for used, until in self._until.items() if until > now}
        if not _holds(token, "link", code, now) or code in self._until or len(self._until) >= _MOST_USED:
            return False
        self._until[code] = now + LINK_MS
        return True


class SignedOut:
    """The cookies that were signed out, until their time has run out: a copy of one opens nothing more.

    A restart forgets them; another token ends them all.
    """

    def __init__(self) -> None:
        self._until: dict[str, int] = {}

    def add(self, token: str, value: str, now: int) -> None:
        """Remember a cookie, if it is one. Beyond ``_MOST_USED``, the one signed out first goes."""
        self._until = {old: until for old, until in self._until.items() if until > now}
        if _holds(token, "cookie", value, now):
            self._until[value] = int(value.partition(".")[0])
            if len(self._until) > _MOST_USED:
                del self._until[next(iter(self._until))]

    def has(self, value: str) -> bool:
        """Return whether a cookie was signed out."""
        return value in self._until


def _proof(token: str, purpose: str, until: int) -> str:
    said = f"{until}.{secrets.token_urlsafe(12)}"
    return f"{said}.{_signed(token, purpose, said)}"


def _holds(token: str, purpose: str, proof: str, now: int) -> bool:
    said, _, signature = proof.rpartition(".")
    until = said.partition(".")[0]
    if not token or len(proof) > _LONGEST or not (until.isascii() and until.isdigit()):
        return False
    signed = hmac.compare_digest(signature.encode(), _signed(token, purpose, said).encode())
    return signed and now < int(until)


def _signed(token: str, purpose: str, said: str) -> str:
    return hmac.new(token.encode(), f"console {purpose} {said}".encode(), hashlib.sha256).hexdigest()
