"""The Live page: events as they come, those too that end at ingest, by server-sent events."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import Any, Final

import orjson
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from forwarder.console.figures import figures_now
from forwarder.console.live_feed import MOST_ROWS, MOST_VIEWERS, LiveFeed, Viewer
from forwarder.console.pages import HEADERS, Pages, base_of
from forwarder.console.rows import Chip, Row, row_of
from forwarder.console.status import status
from forwarder.history.filters import Filters
from forwarder.history.latest import upto_now
from forwarder.history.listing import Listed, Position, listing
from forwarder.http.sending import is_leaving

_LOOK_S: Final = 1.0
"""How often a stream sees whether it may go on: sign-outs and stops wait for it."""
_SILENT_LOOKS: Final = 15
"""Looks without news after which a comment is sent, so that proxies do not take the stream for dead."""
_FILTERED: Final = 500
"""Newest events that are looked through for a filter, before the stream brings more."""
_POSITION: Final = re.compile(r"(\d{1,18})-(\d{1,18})")


def live_routes(pages: Pages) -> list[Route]:
    """Return the routes."""
    feed = LiveFeed(pages.shown)

    async def live(request: Request) -> Response:
        now = pages.shown()
        wanted = request.query_params.get("q", "").strip()
        limit = _FILTERED if wanted else MOST_ROWS
        upto, found = await now.spool.look(
            lambda database: (upto_now(database), listing(database, Filters(), limit).rows)
        )
        rows = [row_of(one, now.destinations) for one in found if _is_within(one, upto)]
        if wanted:
            rows = [row for row in rows if row.has(wanted.lower())][:MOST_ROWS]
        why = now.spool.unavailable()
        counts = await now.spool.counts()
        state = status(
            *(figures_now(), counts, now.sources, now.destinations, now.clock(), str(why) if why else ""),
            health=now.health,
        )
        values: dict[str, Any] = {
            "rows": rows,
            "wanted": wanted,
            "upto": f"{upto.seq}-{upto.place}",
            "state": state,
        }
        sources = now.settings.sources
        is_kept = bool(now.settings.history.hours and now.settings.history.bytes)
        values |= {"upto": f"{upto.seq}-{upto.place}", "source": sources[0] if sources else None}
        return pages.page(request, "live", **values, is_kept=is_kept)

    async def stream(request: Request) -> Response:
        if feed.is_full:
            raise HTTPException(503, f"{MOST_VIEWERS} pages are fed already; close one")
        token = pages.token()

        def may_go_on() -> bool:
            signed_in = pages.is_signed_in(request.headers) or "authorization" in request.headers
            return signed_in and pages.token() == token and not is_leaving(request.scope)

        since = _position(request.headers.get("last-event-id") or request.query_params.get("since", ""))
        wanted = request.query_params.get("q", "").strip().lower()
        parts = _parts(pages, feed, Viewer(wanted), since, base_of(request), may_go_on)
        headers = {**HEADERS, "x-accel-buffering": "no"}  # nginx would collect the events
        return StreamingResponse(parts, headers=headers, media_type="text/event-stream")

    return [pages.route("", live), pages.route("/live/stream", stream)]


async def _parts(
    pages: Pages,
    feed: LiveFeed,
    viewer: Viewer,
    since: Position | None,
    base: str,
    may_go_on: Callable[[], bool],
) -> AsyncIterator[bytes]:
    """Yield the parts of a stream until it may not go on; a reader that is gone ends it, too."""
    try:
        await feed.join(viewer, since)
        silent = 0
        yield b"retry: 2000\n\n"
        while may_go_on():
            rows, states, passed_over = viewer.take()
            if rows or states or passed_over:
                yield _message(pages, base, viewer.upto, rows, states, passed_over)
                silent = 0
            elif silent >= _SILENT_LOOKS:
                yield b":\n\n"
                silent = 0
            silent += 1
            await viewer.wait(_LOOK_S)
        yield b"event: over\ndata:\n\n"
    finally:
        feed.leave(viewer)


def _message(
    pages: Pages,
    base: str,
    upto: Position | None,
    rows: Sequence[Row],
    states: Mapping[str, Sequence[Chip]],
    passed_over: int,
) -> bytes:
    """Return what is new as one message: rows and chips as markup, by the templates of the pages."""
    event_row, chips_of = pages.macro("rows", "event_row"), pages.macro("rows", "chips")
    said = {
        "rows": [str(event_row(row, base)) for row in rows],
        "chips": {key: str(chips_of(chips)) for key, chips in states.items()},
        "more": passed_over,
    }
    at = f"id: {upto.seq}-{upto.place}\n".encode() if upto else b""
    return at + b"data: " + orjson.dumps(said) + b"\n\n"


def _is_within(one: Listed, upto: Position) -> bool:
    """Return whether a listed event is at a position or before it; others the stream brings."""
    return one.place <= upto.place if one.place else one.event.seq <= upto.seq


def _position(text: str) -> Position | None:
    found = _POSITION.fullmatch(text)
    return Position(int(found[1]), int(found[2])) if found else None
