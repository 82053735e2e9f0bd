"""What is done with dead letters: sent again or dropped, after a page that says how many, and the result."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from typing import Final

import structlog
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from forwarder.console.compiled import Compiled
from forwarder.console.forms import form_of, text_of
from forwarder.console.pages import Endpoint, Pages, number, redirect
from forwarder.console.redrives import Redrives, result_of
from forwarder.console.subject import Shown
from forwarder.delivery.dead_letters import numbered, page_by_page
from forwarder.errors import ConfigError
from forwarder.history.dead_groups import LAST, Chosen, chosen_in, letters_in
from forwarder.http.auth import operator_name
from forwarder.spool import DeadLetter, Spool
from forwarder.trial.redriving import MOST_TRIED, Outlook, outlook
from forwarder.trial.work_budget import WorkBudget

log = structlog.get_logger()
TRY_S: Final = 0.12
"""Seconds that letters may be tried before somebody sends them again: a page comes within 200 ms."""
_NUMBERS_LOGGED: Final = 20
"""Of the dead letters that were sent again: enough to find a few, and a line stays a line."""
_SAID: Final = {"retry": "dead letters sent again", "drop": "dead letters dropped"}


def dead_act_routes(pages: Pages) -> list[Route]:
    """Return the routes."""
    redrives = Redrives()

    async def confirm(request: Request) -> Response:
        """Say how many letters are chosen, and what would become of them."""
        now = pages.shown()
        form = await form_of(request)
        act = text_of(form, "act")
        if act not in _SAID:
            raise HTTPException(400, "choose to send them again, or to drop them")
        chosen = await _chosen(now.spool, form)
        if not chosen:
            return redirect(request, "/dead")
        tried: Outlook | None = None
        if act == "retry":
            letters = await _letters(now.spool, form)
            with suppress(ConfigError):  # a file that a setting names has changed since
                tried = await asyncio.to_thread(_tried, letters, now, pages.compiled)
        values = {
            "numbers": form.get("number", []),
            "destination": text_of(form, "destination"),
            "reason": text_of(form, "reason"),
            "upto": max(one.number for one in chosen),
        }
        return pages.page(request, "dead_confirm", 200, act=act, letters=len(chosen), tried=tried, **values)

    def act(what: str, do: Callable[[Spool, Sequence[int]], Awaitable[int]]) -> Endpoint:
        async def answer(request: Request) -> Response:
            now = pages.shown()
            chosen = await _chosen(now.spool, await form_of(request))
            numbers = [one.number for one in chosen]
            letters = await page_by_page(lambda some: do(now.spool, some), numbers)
            log.info(
                _SAID[what],
                operator=operator_name(request.headers.get("authorization", "")),
                letters=letters,
                numbers=numbers[:_NUMBERS_LOGGED],
            )
            if what == "drop" or not letters:
                return redirect(request, f"/dead?dropped={letters}" if what == "drop" else "/dead")
            return redirect(request, f"/dead/sent/{redrives.note(now.clock(), chosen)}")

        return answer

    async def sent(request: Request) -> Response:
        """Say what has become of letters that were sent again."""
        done = redrives.find(number(request.path_params["act"]))
        if done is None:
            raise HTTPException(404, "this is not remembered any more; see what is still dead")
        result = await result_of(pages.shown().spool, done)
        return pages.page(request, "dead_sent", done=done, result=result)

    return [
        pages.form_route("/dead/confirm", confirm),
        pages.form_route("/dead/retry", act("retry", lambda spool, found: spool.retry(found))),
        pages.form_route("/dead/drop", act("drop", lambda spool, found: spool.drop(found))),
        pages.route("/dead/sent/{act}", sent),
    ]


def _tried(letters: Sequence[DeadLetter], now: Shown, compiled: Compiled) -> Outlook:
    """Return what would become of letters. Raises ConfigError."""
    return outlook(letters, now.settings, compiled.of(now.settings), now.clock(), WorkBudget(TRY_S))


async def _chosen(spool: Spool, form: Mapping[str, Sequence[str]]) -> list[Chosen]:
    """Return the letters that a form is about: those with its numbers, else those of its group, up to one."""
    numbers = [number(text) for text in form.get("number", ())]
    if numbers:
        return [Chosen(one.number, one.destination, one.event.seq) async for one in numbered(spool, numbers)]
    destination, reason = text_of(form, "destination"), text_of(form, "reason")
    if not (destination and reason):
        return []
    given = text_of(form, "upto")
    upto = number(given) if given else LAST
    return await spool.look(lambda database: chosen_in(database, destination, reason, upto))


async def _letters(spool: Spool, form: Mapping[str, Sequence[str]]) -> list[DeadLetter]:
    """Return the first letters that a form is about, as ``_chosen`` does."""
    numbers = [number(text) for text in form.get("number", ())][:MOST_TRIED]
    if numbers:
        return [one async for one in numbered(spool, numbers)]
    destination, reason = text_of(form, "destination"), text_of(form, "reason")
    return await spool.look(lambda database: letters_in(database, destination, reason, 0, MOST_TRIED))
