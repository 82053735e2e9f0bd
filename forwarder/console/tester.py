"""The tester: what every subscription would make of one event, found or pasted. Nothing is kept or sent."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from forwarder.config.settings import Settings
from forwarder.console.compiled import Compiled
from forwarder.console.forms import form_of, text_of
from forwarder.console.pages import Pages
from forwarder.console.subject import Shown
from forwarder.delivery.scheduler.planning import read_body
from forwarder.errors import ConfigError
from forwarder.history.filters import Filters
from forwarder.history.listing import Listed, listing
from forwarder.javascript.json import stringify
from forwarder.sessions.stamp import shown_reason
from forwarder.spool import Spool
from forwarder.trial.accepting import Rejected, Trial
from forwarder.trial.explanation import DestinationExplained, body_of, explain, shown_value, skips_of
from forwarder.trial.reading import read_events

LARGEST_FORM: Final = 400_000
"""Bytes: an event of 32 kB, the most that is accepted, has three times as many where a form encodes it,
and the edited mapping beside it may have 100,000 characters."""
_MOST_LOOKS: Final = 20
"""Looks for a message id, each for a tenth of a second: what a history of 5 million events takes."""
EXAMPLE: Final = """{
  "type": "track",
  "event": "Product Added",
  "userId": "user-17",
  "properties": {"product_id": "sku-1", "price": 12.5, "currency": "EUR"}
}"""


@dataclass(frozen=True, slots=True)
class Tested:
    """The outcome that an event would have.

    ``event``: as it would be kept; ``session``: why it is in its session; ``rejected``: why it would not be
    kept; ``enriched``: lines on what the owner's code does to it.
    """

    event: Mapping[str, Any] | None = None
    session: str = ""
    rejected: Rejected | None = None
    enriched: Sequence[str] = ()
    destinations: Sequence[DestinationExplained] = ()

    @property
    def kept(self) -> str:
        """Return the event as it would be kept, as readable JSON."""
        return stringify(self.event, "  ")


def tester_routes(pages: Pages) -> list[Route]:
    """Return the routes."""

    def shown(request: Request, **values: object) -> Response:
        names = [one.name for one in pages.shown().settings.sources]
        defaults = {"text": "", "why": "", "tested": None, "source": "", "known": names, "example": EXAMPLE}
        tools = {"body_of": body_of, "shown_value": shown_value}
        return pages.page(request, "tester", 200, **(defaults | tools | values))

    async def ask(request: Request) -> Response:
        now = pages.shown()
        message_id = request.query_params.get("message", "")
        if not message_id:
            return shown(request)
        found = await event_of(now.spool, message_id)
        if found is None:
            why = "History has no event with this message id: it may be too old, or never have come."
            return shown(request, why=why)
        text, source = readable(found.event.body), found.event.source
        try:
            tested = await asyncio.to_thread(tested_again, found, now, pages.compiled)
        except ValueError as error:
            return shown(request, text=text, why=str(error), source=source)
        return shown(request, text=text, tested=tested, source=source)

    async def test(request: Request) -> Response:
        form = await form_of(request, LARGEST_FORM, "paste a smaller event")
        text, source = text_of(form, "event"), text_of(form, "source")
        now = pages.shown()
        why, tested = "", None
        try:
            tested = await asyncio.to_thread(tested_text, text, source, now, pages.compiled)
        except ValueError as error:
            why = str(error)
        return shown(request, text=text, why=why, tested=tested, source=source)

    return [pages.route("/mappings/test", ask), pages.form_route("/mappings/test", test)]


def tested_text(text: str, source: str, now: Shown, compiled: Compiled) -> Tested:
    """Return what would become of the first event in a text. Raises ValueError that says what is wrong."""
    given = next(read_events(text.encode("utf-8", "surrogatepass")), None)
    if given is None:
        raise ValueError("Paste one event as JSON.")
    if given.problem:
        raise ValueError(f"event: {given.problem}.")
    known = {one.name: one for one in now.settings.sources}
    if not known:
        raise ValueError("No source is configured; add [[sources]] to the file.")
    sender = known.get(source) or next(iter(known.values()))
    done = Trial(now.settings, sender, now.clock).accept(given)
    if isinstance(done, Rejected):
        return Tested(rejected=done)
    lines = done.effect.lines() if done.effect else []
    return _tested(done.source, done.event, now.settings, compiled, lines)


async def event_of(spool: Spool, message_id: str) -> Listed | None:
    """Return the newest event of history with a message id; its reader is free for others in between."""
    at = None
    for _ in range(_MOST_LOOKS):
        page = await spool.look(partial(listing, filters=Filters(message=message_id), limit=1, at=at))
        if page.rows:
            return page.rows[0]
        if page.after is None:
            break
        at = page.after
    return None


def tested_again(found: Listed, now: Shown, compiled: Compiled) -> Tested:
    """Return what would become of an event of history today. Raises ValueError that says why not."""
    if found.place:
        ended = found.states[""]
        return Tested(rejected=Rejected(ended.reason, f"when it came it was {ended.outcome}"))
    return _tested(found.event.source, read_body(found.event.body), now.settings, compiled)


def _tested(
    source: str, event: Mapping[str, Any], settings: Settings, compiled: Compiled, lines: Sequence[str] = ()
) -> Tested:
    try:
        destinations = compiled.of(settings)
    except ConfigError as error:  # a file that a setting names has changed since
        raise ValueError(f"The configuration cannot be used any more: {error}") from None
    skips = skips_of(settings, source, event.get("integrations"))
    explained = explain(event, destinations, skips)
    return Tested(event, str(shown_reason(event) or ""), None, lines, explained)


def readable(body: bytes) -> str:
    """Return an event's bytes as readable JSON, as far as they are JSON."""
    try:
        return orjson.dumps(orjson.loads(body), option=orjson.OPT_INDENT_2).decode()
    except ValueError:  # cut, or none
        return body.decode("utf-8", "replace")
