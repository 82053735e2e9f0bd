"""Origins of pages and hybrid apps, and the patterns that stand for several."""

import re
from collections.abc import Iterable
from typing import Final

_PARTS: Final = re.compile(r"([a-z][a-z0-9+.-]*|\*)://([^/?#@:\[\]\s]*|\[[0-9a-f:.]+\])(?::(\d+|\*))?")
_HOST: Final = re.compile(r"(\*\.)?[a-z0-9_](?:[a-z0-9._-]*[a-z0-9_.])?|\*|\[[0-9a-f:.]+\]")
_USUAL_PORTS: Final = {"http": "80", "https": "443"}
_WITHOUT_HOST: Final = ("file",)
"""Schemes of apps whose web view sends an origin without a host."""
_EXAMPLE: Final = "https://shop.example.com"


def origin_mistake(text: str) -> str | None:
    """Return why no page's origin can ever be like ``text``, and the mend; None where one can.

    ``*``: any origin; ``null``: files and sandboxed frames; ``scheme://host[:port]`` as browsers and web
    views send it, where the host may be ``*`` or begin with ``*.``, and the port may be ``*``.
    """
    if text in ("*", "null"):
        return None
    if text != text.lower() or not text.isascii():
        return f"{text!r} never matches: browsers send {_as_sent(text)!r}; write that"
    scheme, _, rest = text.partition("://")
    without_path = f"{scheme}://{re.split('[/?#]', rest)[0]}"
    if rest and without_path != text and origin_mistake(without_path) is None:
        return f"{text!r} is no origin: it has a path; write {without_path!r}"
    match = _PARTS.fullmatch(text)
    if match is None or not _is_host(scheme, match[2]):
        return f"{text!r} is no origin; write * or one like {_EXAMPLE} or https://*.example.com"
    return _port_mistake(text, scheme, match[3])


def _is_host(scheme: str, host: str) -> bool:
    if _HOST.fullmatch(host):
        return True
    # Apps choose their hosts freely: Electron's are often app://. and app://-
    return scheme in _WITHOUT_HOST if not host else scheme not in _USUAL_PORTS and host in (".", "-")


def _port_mistake(text: str, scheme: str, port: str | None) -> str | None:
    if not port or port == "*":
        return None
    if port == _USUAL_PORTS.get(scheme):
        shorter = text.removesuffix(f":{port}")
        return f"{text!r} never matches: browsers leave the usual port out; write {shorter!r}"
    if len(port) > 5 or port.startswith("0") or int(port) > 65_535:
        return f"{text!r} never matches: {port} is no port"
    return None


class Origins:
    """The origins that may send, by patterns with which ``origin_mistake`` finds no fault."""

    def __init__(self, patterns: Iterable[str]) -> None:
        self._all = False
        self._exact: set[str] = set()
        expressions = []
        for pattern in patterns:
            if pattern == "*":
                self._all = True
            elif "*" in pattern:
                expressions.append(_expression(pattern))
            else:
                self._exact.add(pattern)
        self._pattern = re.compile("|".join(expressions)) if expressions else None

    def allow(self, origin: str) -> bool:
        """Return whether a page of ``origin``, as its browser sends it, may send."""
        if self._all or origin in self._exact:
            return True
        return self._pattern is not None and self._pattern.fullmatch(origin) is not None


def _expression(pattern: str) -> str:
    match = _PARTS.fullmatch(pattern)
    assert match is not None
    scheme, host, port = match.groups()
    written = r"[a-z][a-z0-9+.-]*" if scheme == "*" else re.escape(scheme)
    below = re.escape(host.removeprefix("*"))
    name = r"(?:[a-z0-9._-]+|\[[0-9a-f:.]+\])" if host == "*" else r"[a-z0-9._-]+" + below
    written += "://" + (name if host.startswith("*") else below)
    return written + (r"(?::\d+)?" if port == "*" else f":{port}" if port else "")


def _as_sent(text: str) -> str:
    """Return an origin in small letters, a host of other alphabets as domain names are sent."""
    scheme, _, host = text.lower().partition("://")
    try:
        return f"{scheme}://{host.encode('idna').decode()}"
    except UnicodeError:
        return f"{scheme}://xn--..."
