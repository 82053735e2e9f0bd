"""``forwarder replay``: events of history sent once more."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace as replaced
from pathlib import Path

import click

from forwarder.cli.configuration import config_option, read
from forwarder.cli.events import filtering, reading
from forwarder.cli.output import Failed, counted, say
from forwarder.cli.sending_again import (
    Task,
    anew_option,
    give_way,
    kept_notes,
    now_ms,
    rate_option,
    routes_to,
    send,
)
from forwarder.config.settings import Settings
from forwarder.delivery import DestinationRoute
from forwarder.delivery.scheduler.planning import plan_job
from forwarder.history import finding
from forwarder.history.filters import Filters
from forwarder.history.reading import Choice, count, next_slice
from forwarder.outcomes import Outcome
from forwarder.replay.from_history import RECOGNISED_MS, HistorySupply
from forwarder.replay.scratch import scratch_path
from forwarder.text import cell

_OUTCOMES = [one.value for one in (Outcome.DELIVERED, Outcome.FILTERED, Outcome.DEAD)]


@click.command()
@config_option
@filtering
@click.option("--outcome", type=click.Choice(_OUTCOMES), help="Only events that ended so at the destination.")
@click.option("--to", "destination", help="Only to this destination; otherwise to each in turn.")
@click.option("--dry-run", is_flag=True, help="Say what would become of the events; send nothing.")
@rate_option
@click.option(
    "--new-ids", is_flag=True, help="Under insert ids of their own: Amplitude counts the events once more."
)
@anew_option
@click.option("--yes", is_flag=True, help="Do not ask.")
def replay(
    config: Path | None,
    filters: Filters,
    outcome: str | None,
    destination: str | None,
    dry_run: bool,
    rate: float,
    new_ids: bool,
    anew: bool,
    yes: bool,
) -> None:
    """Send events of history once more, by the mappings as they are now.

    They go under the insert ids that they had, so that Amplitude counts what it has once; it knows them for 7
    days, and older events need --new-ids. They go by its Batch endpoint, each user's in order, beside a
    running forwarder or without one. Cut off at any time, the same command goes on where it was.

    \b
    What a mended mapping makes of yesterday's dead letters, first without sending:
      forwarder replay --config forwarder.toml --since 24h --outcome dead --dry-run
      forwarder replay --config forwarder.toml --since 24h --outcome dead
    """
    give_way()
    settings = read(config)
    to = routes_to(settings, destination)
    words = {**click.get_current_context().params, "config": "", "filters": "", "rate": 0}
    words.update(dict.fromkeys(("destination", "dry_run", "anew", "yes"), ""))
    well = True
    with reading(settings) as database:
        for route in to:
            choice = Choice(filters, finding.last_seq(database), outcome or "", route.name)
            if dry_run:
                _print_plan(database, choice, route, new_ids=new_ids)
                continue
            path = scratch_path(settings.spool, [route.name, sorted(words.items())])
            one = _Sending(settings, route, choice, path, rate, new_ids)
            well = one.send(database, anew=anew, yes=yes) and well
    if not well:
        raise SystemExit(1)


class _Sending:
    """The sending of chosen events to one destination."""

    def __init__(
        self,
        settings: Settings,
        route: DestinationRoute,
        choice: Choice,
        path: Path,
        rate: float,
        new_ids: bool,
    ) -> None:
        self._settings = settings
        self._route = route
        self._choice = choice
        self._path = path
        self._rate = rate
        self._new_ids = new_ids

    def send(self, database: sqlite3.Connection, *, anew: bool, yes: bool) -> bool:
        """Send the events, or go on with it; return whether all ended well. Raises Failed, Abort at a no."""
        name = self._route.name
        notes = kept_notes(self._path, anew=anew)
        if notes:
            say(f"taking up what an earlier run of this command began: {notes['total']:,} events to {name}")
        else:
            notes = self._begin(database, yes=yes)
            if not notes["total"]:
                say(f"{name}: history has no such event")
                return True
            say(f"sending {counted(notes['total'], 'event')} to {name}; cut off, the same command goes on")
        choice = self._choice._replace(
            filters=replaced(self._choice.filters, since=notes["since"]), upto=notes["upto"]
        )
        new_ids = f"-again-{notes['began']:x}" if self._new_ids else ""
        supply = HistorySupply(database, choice, self._route, new_ids)
        return send(Task(self._path, name, [self._route], self._rate, notes, notes["total"]), supply)

    def _begin(self, database: sqlite3.Connection, *, yes: bool) -> dict[str, int]:
        """Return the notes of a replay that begins now. Raises Failed where ids of its own are needed."""
        now, choice = now_ms(), self._choice
        say("looking through history ...", err=True)
        total, old = count(database, choice, now - RECOGNISED_MS)
        if self._new_ids and total and not yes:
            twice = "count once more, whatever Amplitude has of them"
            click.confirm(f"{counted(total, 'event')} to {self._route.name} will {twice}; send?", abort=True)
        if old and not self._new_ids:
            raise Failed(
                f"{old:,} of {counted(total, 'event')} came so long ago that Amplitude would count them once"
                " more: leave them out with --since 6d, or send them under ids of their own with --new-ids"
            )
        since = choice.filters.since
        return {"upto": choice.upto, "since": since, "began": now, "total": total, "position": 0}


def _print_plan(
    database: sqlite3.Connection, choice: Choice, route: DestinationRoute, *, new_ids: bool
) -> None:
    """Print how many events would be sent, filtered or dead, by the mappings as they are now."""
    items, ends = 0, Counter[str]()
    after, oldest = 0, now_ms() - RECOGNISED_MS
    while after < choice.upto:
        events, after = next_slice(database, choice, after)
        for event in events:
            job, filtered = plan_job(event, route.destination, route.sources)
            items += len(job.items)
            ends[_end_of(filtered, job.reason, old=event.received_at < oldest and not new_ids)] += 1
    say(f"{route.name}: {counted(sum(ends.values()), 'event')}, {counted(items, 'item')}; nothing is sent")
    _print_ends(ends)


def _end_of(filtered: str, failed: str, *, old: bool) -> str:
    if old:
        return "older than Amplitude recognises; --new-ids sends it"
    return f"filtered: {filtered}" if filtered else f"dead: {failed}" if failed else "sent"


def _print_ends(ends: Mapping[str, int]) -> None:
    for what, number in sorted(ends.items(), key=lambda one: -one[1]):
        say(f"  {number:,}\t{cell(what)}")
