"""``forwarder sessions``: which sessions recorded events make, as they came and by other rules."""

import json
import re
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import click

from forwarder.cli.configuration import config_option, read
from forwarder.cli.output import Failed, counted, say

if TYPE_CHECKING:
    from collections.abc import Mapping

    from forwarder.cli.recorded_sessions import Recorded
    from forwarder.config.settings import Settings
    from forwarder.sessions.facts import Assign, SessionRules

_UNITS = {"ms": 1, "s": 1_000, "m": 60_000, "min": 60_000, "h": 3_600_000, "d": 86_400_000}


class _Length(click.ParamType[int]):
    """A length of time like ``15m``, in milliseconds."""

    name = "LENGTH"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Return the milliseconds."""
        found = re.fullmatch(r"(\d{1,9})\s*(ms|s|min|m|h|d)", str(value))
        if found is None:
            self.fail(f"{value!r} is no length; give one like 15m, 24h or 90s", param, ctx)
        return int(found[1]) * _UNITS[found[2]]


@click.command()
@config_option
@click.option(
    "--length", type=_Length(), help="What if a session ended after this without an event, like 15m?"
)
@click.option("--maximum", type=_Length(), help="What if a session ended after this in any case, like 24h?")
@click.option(
    "--assign",
    type=click.Choice(["off", "web", "all"]),
    help="Whose events get a session, instead of [session]'s.",
)
@click.option(
    "--html", type=click.Path(path_type=Path, dir_okay=False), help="Also write a page with charts there."
)
@click.option("--json", "as_json", is_flag=True, help="Print the figures as JSON.")
@click.option("--history", is_flag=True, help="Take the events that [history] keeps, instead of a file's.")
@click.option("--since", type=_Length(), help="With --history: only received in the last 90m, 24h, 7d.")
@click.option("--source", default="", help="With --history: only of the source of this name.")
@click.argument("events", type=click.File("rb"), required=False)
def sessions(
    config: Path | None,
    length: int | None,
    maximum: int | None,
    assign: "Assign | None",
    html: Path | None,
    as_json: bool,
    history: bool,
    since: int | None,
    source: str,
    events: BinaryIO | None,
) -> None:
    """Show which sessions EVENTS make: as they came, and by the rules of the configuration or of the options.

    EVENTS is a file with recorded events in Segment's JSON: one a line, in lists, or bodies of /v1/batch;
    left out, standard input is read, or with --history what the forwarder keeps of the last hours. Sessions
    before are the ids that the events brought; in history also those that the forwarder gave. After, events
    without an id of their own have those that the forwarder would give them; with --length or --maximum
    pages' own ids are decided anew, too. Session Started and Session Ended do not count. Nothing is sent or
    changed.

    \b
    What would 15 minutes change?
      forwarder sessions --length 15m --html chart.html events.jsonl
      forwarder sessions --length 15m --history --since 24h --config forwarder.toml
    """
    from forwarder.cli.session_report import WhatIf, compare
    from forwarder.sessions.chart import page
    from forwarder.sessions.report import rows

    if history and events is not None:
        raise click.UsageError("--history takes no file: give one of the two")
    if not history and (source or since is not None):
        raise click.UsageError("--since and --source choose events of --history: add it")
    settings = read(config)
    asked = WhatIf(length, maximum, assign)
    rules = asked.by_source(settings)
    if history:
        recorded, skipped = _of_history(settings, rules, source, since)
    else:
        recorded, skipped = _of_file(sys.stdin.buffer if events is None else events, rules)
    done = compare(recorded, rules, asked)
    if skipped:
        say(f"{counted(skipped, 'event')} left out: no events, or of nobody", err=True)
    if as_json:
        figures = {"before": done.before, "after": done.after}
        say(json.dumps({name: asdict(one) for name, one in figures.items()}))
    else:
        say(f"{'':20}{'before':>18}{'after':>18}")
        for (what, old), (_, new) in zip(rows(done.before), rows(done.after), strict=True):
            say(f"{what:20}{old:>18}{new:>18}")
        say(f"after: {done.rules}")
    if html is not None:
        _write(html, page(done.before, done.after, done.rules))


def _of_file(file: BinaryIO, rules: "Mapping[str, SessionRules]") -> "tuple[list[Recorded], int]":
    """Return what ``of_file`` does. Raises Failed where there is no event."""
    from forwarder.cli.recorded_sessions import of_file

    recorded, skipped = of_file(file.read(), next(iter(rules.values())))
    if not recorded:
        raise Failed("there is no event; give Segment's JSON, one event a line")
    return recorded, skipped


def _of_history(
    settings: "Settings", rules: "Mapping[str, SessionRules]", source: str, since: int | None
) -> "tuple[list[Recorded], int]":
    """Return what ``of_history`` does; ``since``: how long ago at most, ms. Raises Failed."""
    from forwarder.cli.events import reading
    from forwarder.cli.recorded_sessions import of_history

    begin = 0 if since is None else time.time_ns() // 1_000_000 - since
    with reading(settings) as database:
        recorded, skipped = of_history(database, rules, source, begin)
    if not recorded:
        raise Failed("history has no such event: see [history] hours, --since and --source")
    return recorded, skipped


def _write(html: Path, text: str) -> None:
    try:
        html.write_text(text, encoding="utf-8")
    except OSError as error:
        raise Failed(f"{html} cannot be written: {error.strerror}") from None
    say(f"written: {html}", err=True)
