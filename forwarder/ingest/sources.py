"""Who sends: finding the source of a request by its write key."""

import binascii
from base64 import b64decode
from collections.abc import Iterable
from functools import lru_cache
from hashlib import sha256

from forwarder.config.settings import Source
from forwarder.http.responses import Refusal
from forwarder.origins import Origins


class Sources:
    """The sources by write key; a search takes a time that says nothing about the keys."""

    def __init__(self, sources: Iterable[Source]) -> None:
        self._by_digest = {_digest(source.write_key): source for source in sources}
        self.sender = lru_cache(maxsize=256)(self._sender)  # never remembers who is refused
        """See ``_sender``. Looking up what was found before tells nothing of it either."""
        self._origins = Origins(
            {one for source in self._by_digest.values() for one in source.allowed_origins}
        )

    def find(self, key: str | None) -> Source | None:
        """Return the source of a write key. Keys are compared by digest, so timing tells nothing."""
        return self._by_digest.get(_digest(key)) if key else None

    def known_of(self, keys: Iterable[str]) -> str | None:
        """Return the first of the keys that is known, else the first, None where there is none."""
        keys = list(keys)
        return next((key for key in keys if self.find(key)), keys[0] if keys else None)

    def names_key(self, authorization: bytes) -> bool:
        """Return whether an Authorization header says the write key, so that no body can."""
        return bool(_basic_key(authorization))

    def allows(self, origin: str) -> bool:
        """Return whether pages of an origin may send to any source: all a preflight can be asked."""
        return self._origins.allow(origin)

    def _sender(self, authorization: bytes, own_key: str | None) -> Source:
        """Return the source a request is for; ``own_key``: what its body or address says. Raises Refusal.

        The key is taken from Basic (user name), else from the request itself, else it is the Bearer token;
        with a Bearer token of an OAuth server beside it, its own key counts, as with Segment's libraries.
        """
        scheme, _, given = authorization.partition(b" ")
        key = own_key
        if scheme.lower() == b"basic":
            key = _basic_key(authorization) or own_key
        elif scheme.lower() == b"bearer" and not own_key:
            key = given.strip().decode("ascii", "replace")
        if not key:
            raise Refusal(
                401,
                "no_write_key",
                "there is no write key; send it as the user name of Basic or as writeKey in the body",
            )
        source = self.find(key)
        if source is None:
            raise Refusal(401, "unknown_write_key", "this write key is not known here; check it")
        return source


def may_send(source: Source, origin: str) -> bool:
    """Return whether a page of ``origin`` may send to the source."""
    return _origins(source.allowed_origins).allow(origin)


@lru_cache(maxsize=1_024)
def _origins(patterns: tuple[str, ...]) -> Origins:
    return Origins(patterns)


def _digest(key: str) -> bytes:
    return sha256(key.encode("utf-8", "surrogatepass")).digest()


@lru_cache(maxsize=256)
def _basic_key(authorization: bytes) -> str | None:
    """Return the user name of a Basic header, which is the write key."""
    scheme, _, given = authorization.partition(b" ")
    if scheme.lower() != b"basic":
        return None
    try:
        return b64decode(given.strip(), validate=True).split(b":", 1)[0].decode()
    except (binascii.Error, UnicodeDecodeError):
        return None


def basic_user(authorization: str) -> str | None:
    """Return the user name of a Basic ``Authorization``; None where there is none."""
    return _basic_key(authorization.encode("latin-1", "replace"))
