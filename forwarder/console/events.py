"""The Events pages: searching history, and everything about one event."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final
from urllib.parse import urlencode

import orjson
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from forwarder.cdn.session_rules import session_rules
from forwarder.console.compiled import Compiled
from forwarder.console.event_page import EventShown, event_shown, turned_away_shown
from forwarder.console.gate import is_browser
from forwarder.console.pages import HEADERS, Pages, base_of, instant, number
from forwarder.console.person import person
from forwarder.console.rows import Row, row_of
from forwarder.errors import ConfigError
from forwarder.history.filters import Filters
from forwarder.history.finding import WAITING
from forwarder.history.listing import Listed, Position, listing, of_turned_away, turned_away_at
from forwarder.history.ways import event_at
from forwarder.outcomes import Outcome
from forwarder.spool.suppression import FOR_EVER
from forwarder.text import whole_characters
from forwarder.trial.explanation import body_of, shown_value

PAGE: Final = 50
"""Events on one page: what is read at once, and 50 answers of history take some 20 ms."""
_TIMELINE: Final = 500
"""Events of a time line, the newest: weeks of most visitors, and as many as one reads."""
_TEXTS: Final = ("user", "device", "message", "session", "name", "source")
_OUTCOMES: Final = [*(one.value for one in Outcome), WAITING]
_AGO: Final = {"1h": 3_600_000, "24h": 86_400_000, "7d": 7 * 86_400_000}
_AT: Final = re.compile(r"(\d{1,19})-(\d{1,19})")


def event_routes(pages: Pages) -> list[Route]:
    """Return the routes."""
    compiled = Compiled()

    async def search(request: Request) -> Response:
        now = pages.shown()
        asked = {name: request.query_params.get(name, "") for name in (*_TEXTS, "outcome", "since", "until")}
        outcome = asked["outcome"] if asked["outcome"] in _OUTCOMES else ""
        filters = _filters(asked, now.clock())
        at = _position(request.query_params.get("at", ""))
        page = await now.spool.look(partial(_listing, filters=filters, outcome=outcome, at=at))
        rows = [row_of(one, now.destinations) for one in page.rows]
        older = ""
        if page.after is not None:
            older = urlencode({**_given(asked), "at": f"{page.after.seq}-{page.after.place}"})
        if not is_browser(request.headers):
            return Response(
                orjson.dumps(_as_json(rows, older)), headers=HEADERS, media_type="application/json"
            )
        fixed: dict[str, Any] = {"outcomes": _OUTCOMES, "sources": now.sources, "ago": list(_AGO)}
        found: dict[str, Any] = {"rows": rows, "asked": asked, "older": older, "is_cut": page.is_cut}
        return pages.page(request, "events", **fixed, **found, is_later=at is not None)

    async def event(request: Request) -> Response:
        now = pages.shown()
        found = await now.spool.look(partial(event_at, seq=number(request.path_params["seq"])))
        if found is None:
            raise HTTPException(404, "history has no such event any more, or never had")
        try:
            destinations = await asyncio.to_thread(compiled.of, now.settings)
        except ConfigError:  # a file that a setting names has changed since
            destinations = {}
        shown = await asyncio.to_thread(event_shown, *found, now.settings, destinations)
        return answer(request, shown)

    async def turned_away(request: Request) -> Response:
        place = number(request.path_params["place"])
        found = await pages.shown().spool.look(partial(turned_away_at, place=place))
        if found is None:
            raise HTTPException(404, "history has no such event any more, or never had")
        return answer(request, turned_away_shown(Listed(*of_turned_away(found), place)))

    def answer(request: Request, shown: EventShown) -> Response:
        values: dict[str, Any] = {"one": shown, "body_of": body_of, "shown_value": shown_value}
        if request.query_params.get("part"):
            text = pages.part("event_parts", base=base_of(request), is_part=True, **values)
            return HTMLResponse(text, headers=HEADERS)
        return pages.page(request, "event", **values)

    async def timeline(request: Request) -> Response:
        now = pages.shown()
        what = "user" if "user" in request.query_params else "device"
        who = request.query_params.get(what, "")
        if not who:
            raise HTTPException(400, "a user or a device is needed there")
        filters = Filters(user=who) if what == "user" else Filters(device=who)
        page = await now.spool.look(partial(listing, filters=filters, limit=_TIMELINE))
        accepted = [one for one in page.rows if not one.place]
        shown = await asyncio.to_thread(person, accepted, now.destinations, session_rules(now.settings))
        values: dict[str, Any] = {"one": shown, "what": what, "who": who, "is_cut": page.after is not None}
        return pages.page(request, "person", **values)

    return [
        pages.route("/events", search),
        pages.route("/events/timeline", timeline),
        pages.route("/events/ingest/{place}", turned_away),
        pages.route("/events/{seq}", event),
    ]


_listing = partial(listing, limit=PAGE)


def _filters(asked: Mapping[str, str], now: int) -> Filters:
    """Return the filters of a search. ``now``: ms since the epoch. Raises HTTPException."""
    since = now - _AGO[asked["since"]] if asked["since"] in _AGO else _time(asked["since"], 0)
    texts = {name: asked[name].strip() for name in _TEXTS}
    return Filters(**texts, since=since, until=_time(asked["until"], FOR_EVER))


def _time(text: str, otherwise: int) -> int:
    """Return a time as the form has it, UTC, in ms since the epoch. Raises HTTPException."""
    if not text:
        return otherwise
    try:
        when = datetime.fromisoformat(text)
    except ValueError:
        raise HTTPException(400, "a time is needed there, like 2026-01-31T13:45, in UTC") from None
    return round(when.replace(tzinfo=when.tzinfo or UTC).timestamp() * 1000)


def _as_json(rows: Sequence[Row], older: str) -> object:
    """Return rows for programs; their texts are as they came. ``older``: the query for what follows."""
    events = [
        {
            "path": row.path,
            "receivedAt": instant(row.at),
            "source": row.source,
            "messageId": whole_characters(row.message_id),
            "name": whole_characters(row.name),
            **{name: whole_characters(text) for name, text in row.keys._asdict().items()},
            "states": [{"text": whole_characters(chip.text), "kind": chip.kind} for chip in row.chips],
        }
        for row in rows
    ]
    return {"events": events, "older": older or None}


def _given(asked: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in asked.items() if value}


def _position(text: str) -> Position | None:
    found = _AT.fullmatch(text)
    return Position(int(found[1]), int(found[2])) if found else None
