"""Whether a forwarder runs, and whether it can accept events: for supervisors and load balancers.

``/health`` is about the process: 503 only where it should be started again. ``/ready`` is about events: 200
only where they can be accepted. A stalled destination fails neither. The watchdog has already done for it
what a restart would do, which is to make it anew from the spool; a restart would cut off all senders and the
other destinations as well, again and again where the cause lies in the data. ``status``, metrics, log and
console say that it is stalled.

A forwarder that stands by does not listen where events come, so that whoever looks for an open port finds the
one that serves. Its state can be asked for on a port of its own, ``server.status_port``.
"""

from __future__ import annotations

from collections.abc import Callable

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from forwarder.version import running

READY = frozenset({"ok", "stalled"})
"""Where events can be accepted, though of a destination that stands still they may wait for long."""
_RESTART = frozenset({"failed"})
"""What only a restart mends. Everything else passes by itself, or is mended elsewhere."""
_RETRY_AFTER = 2
"""Seconds until another look is worth it; about what a take-over takes."""


def status_routes(status: Callable[[], str]) -> list[Route]:
    """Return the routes that anyone may ask.

    ``status``: ``ok``, ``standby``, ``failed`` (the spool is lost), ``stalled`` (a destination has work and
    does nothing), or a code of SpoolUnavailable.
    """

    async def health(request: Request) -> Response:
        """Answer whether the process is alive: 503 where it should be started again."""
        said = status()
        return _answer(said, ok=said not in _RESTART)

    async def ready(request: Request) -> Response:
        """Answer whether events can be accepted, with 503 where they cannot."""
        said = status()
        return _answer(said, ok=said in READY)

    return [Route("/health", health), Route("/ready", ready)]


def _answer(status: str, *, ok: bool) -> Response:
    headers = {"cache-control": "no-store", "x-content-type-options": "nosniff"}
    if not ok:
        headers |= {"retry-after": str(_RETRY_AFTER), "x-ratelimit-reset": str(_RETRY_AFTER)}
    return JSONResponse({"status": status, "version": running()}, 200 if ok else 503, headers=headers)
