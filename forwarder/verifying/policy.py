"""What a content security policy refuses of Analytics.js and the plugin, and what it has to say instead."""

import re
from typing import NamedTuple
from urllib.parse import urlsplit

from forwarder.verifying.observation import Violation, Visit

_OURS = re.compile(
    r"/analytics(\.min)?\.js$|/analytics\.js/v1/|/p/a/[^/]+\.js$|/analytics-next/bundles/"
    r"|/session-plugin[\w.-]*\.m?js$|/later-[0-9a-f]+\.js$|/core-[0-9a-f]+\.wasm$|/stock-[0-9a-f]+\.js$"
    r"|/projects/[^/]+/settings/?$|/v1/(t|p|i|g|a|s|b|batch|track|page|identify|group|alias|screen)$"
)
"""Files and routes of Analytics.js, the plugin and the tracking API, by their paths."""
_WASM = ("wasm-eval", "wasm-unsafe-eval")


class Refusal(NamedTuple):
    """A refusal, and what the directive has to name."""

    directive: str
    what: str
    mend: str


def refusals(visit: Visit) -> list[Refusal]:
    """Return what was refused of ours, each once; what else the policy refuses is the page's own matter."""
    found = [_refusal(one, visit) for one in visit.violations]
    return list(dict.fromkeys(one for one in found if one is not None))


def _refusal(violation: Violation, visit: Visit) -> Refusal | None:
    blocked = violation.blocked
    directive = re.sub(r"-(elem|attr)$", "", violation.directive)
    if blocked in _WASM:
        return Refusal(directive, "WebAssembly", "add 'wasm-unsafe-eval' to script-src")
    if blocked == "inline" and directive == "script-src" and not visit.first_look.analytics:
        return Refusal(
            directive,
            "an inline script, so the snippet",
            "give the snippet a nonce (<script nonce=...>, 'nonce-...' in script-src), or put it into a file",
        )
    parts = urlsplit(blocked)
    if not parts.hostname:
        return None
    origin = f"{parts.scheme}://{parts.netloc}"
    if _OURS.search(parts.path) or origin in _own_origins(visit):
        return Refusal(directive, blocked, f"add {origin} to {directive}")
    return None


def _own_origins(visit: Visit) -> set[str]:
    """Return where the forwarder is, as far as the page says so."""
    look = visit.first_look
    parts = (urlsplit(url) for url in (look.cdn, *look.scripts) if url)
    return {f"{one.scheme}://{one.netloc}" for one in parts if one.hostname}
