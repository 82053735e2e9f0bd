"""The mappings: what each subscription does, and what an edited one would change. Nothing is changed."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from forwarder.amplitude import AmplitudeDestination
from forwarder.amplitude.destination import Subscription
from forwarder.comparing.showing import shown as shown_value
from forwarder.config.settings import Destination
from forwarder.console.compiled import Compiled
from forwarder.console.forms import form_of, text_of
from forwarder.console.pages import HEADERS, Pages, number
from forwarder.console.subject import Shown
from forwarder.console.tester import LARGEST_FORM
from forwarder.errors import ConfigError
from forwarder.history.recent import recent_events
from forwarder.spool import StoredEvent
from forwarder.spool.history import HOUR_MS
from forwarder.trial.editing import Edited, as_edited, edit
from forwarder.trial.matching import Looked, Matched, look_at
from forwarder.trial.preset_difference import difference_to_preset
from forwarder.trial.subscriptions import sources_of, subscriptions_of, with_edited
from forwarder.trial.what_if import MOST_EVENTS, WhatIf, what_if
from forwarder.trial.work_budget import WorkBudget

LOOK_S: Final = 0.1
"""Seconds that the list's figures may take: a page comes within 200 ms."""
TRY_S: Final = 3.0
"""Seconds that an edited subscription may be tried; 500 events take a tenth of it."""
CHOICES: Final = (100, MOST_EVENTS)
"""Numbers of events that a change can be tried on."""


@dataclass(frozen=True, slots=True)
class Row:
    """A subscription in the list. ``matched``: its figures over recent events, None where none came."""

    place: int
    subscription: Subscription
    matched: Matched | None


@dataclass(frozen=True, slots=True)
class Listed:
    """A destination in the list."""

    name: str
    looked: Looked | None
    rows: Sequence[Row]
    are_presets: bool


def mapping_routes(pages: Pages) -> list[Route]:
    """Return the routes."""
    trying = asyncio.Lock()
    """One change is tried at a time: whoever asks for many waits for his own."""

    async def mappings(request: Request) -> Response:
        now = pages.shown()
        since = now.clock() - HOUR_MS
        events = await now.spool.look(lambda database: recent_events(database, MOST_EVENTS, since))
        why, listed = "", []
        try:
            listed = await asyncio.to_thread(list_of, now, events, pages.compiled)
        except ConfigError as error:
            why = str(error)
        return pages.page(request, "mappings", listed=listed, why=why, most=MOST_EVENTS)

    async def one(request: Request) -> Response:
        destination, given = _asked(request, pages.shown())
        return shown(request, destination, as_edited(given))

    async def changed(request: Request) -> Response:
        now = pages.shown()
        destination, given = _asked(request, now)
        form = await form_of(request, LARGEST_FORM, "shorten the mapping")
        events = min(number(text_of(form, "events") or str(MOST_EVENTS)), MOST_EVENTS)
        edited = edit(given, text_of(form, "trigger"), text_of(form, "mapping"), is_on="on" in form)
        if edited.errors:
            return shown(request, destination, edited, events=events)
        if "export" in form:
            return _exported(edited)
        place = number(request.path_params["place"])
        async with trying:
            result = await _tried(now, destination, place, edited, events, pages.compiled)
        return shown(request, destination, edited, events=events, result=result)

    def shown(request: Request, destination: Destination, edited: Edited, **values: object) -> Response:
        place = number(request.path_params["place"])
        given = subscriptions_of(destination)[place]
        defaults = {"events": CHOICES[-1], "result": None, "choices": CHOICES}
        return pages.page(
            request,
            "mapping",
            200,
            destination=destination.name,
            place=place,
            edited=edited,
            now=as_edited(given),
            difference=difference_to_preset(given),
            value=shown_value,
            **(defaults | values),
        )

    path = "/mappings/{destination}/{place}"
    return [pages.route("/mappings", mappings), pages.route(path, one), pages.form_route(path, changed)]


def list_of(now: Shown, events: Sequence[StoredEvent], compiled_of: Compiled) -> list[Listed]:
    """Return all destinations' subscriptions with what they make of events. Raises ConfigError."""
    compiled = compiled_of.of(now.settings)
    seconds = LOOK_S / max(1, len(compiled))
    return [_listed(one, compiled[one.name], events, seconds) for one in now.settings.destinations]


def _listed(
    one: Destination, compiled: AmplitudeDestination, events: Sequence[StoredEvent], seconds: float
) -> Listed:
    looked = look_at(compiled, sources_of(one), events, WorkBudget(seconds)) if events else None
    figures: Sequence[Matched | None] = (
        looked.subscriptions if looked else [None] * len(compiled.subscriptions)
    )
    rows = [
        Row(place, each, matched)
        for place, (each, matched) in enumerate(zip(compiled.subscriptions, figures, strict=True))
    ]
    return Listed(one.name, looked, rows, one.subscriptions is None)


def _asked(request: Request, now: Shown) -> tuple[Destination, dict[str, object]]:
    """Return the destination and the subscription that an address names. Raises HTTPException."""
    name, place = request.path_params["destination"], number(request.path_params["place"])
    for one in now.settings.destinations:
        there = subscriptions_of(one)
        if one.name == name and place < len(there):
            return one, there[place]
    raise HTTPException(404, "there is no such subscription any more")


async def _tried(
    now: Shown, destination: Destination, place: int, edited: Edited, limit: int, compiled: Compiled
) -> WhatIf:
    """Return what an edited subscription would change for the newest events."""
    events = await now.spool.look(lambda database: recent_events(database, limit))

    def work() -> WhatIf:
        before = compiled.of(now.settings)[destination.name]
        after = with_edited(now.settings, destination.name, place, edited.subscription)
        return what_if(before, after, place, sources_of(destination), events, WorkBudget(TRY_S))

    try:
        return await asyncio.to_thread(work)
    except ConfigError as error:  # a file that a setting names has changed since
        raise HTTPException(409, f"the configuration cannot be used any more: {error}") from None


def _exported(edited: Edited) -> Response:
    headers = {**HEADERS, "content-disposition": 'attachment; filename="subscription.json"'}
    return Response(edited.exported + "\n", headers=headers, media_type="application/json")
