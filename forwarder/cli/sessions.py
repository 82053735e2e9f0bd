"""``forwarder sessions``: which sessions recorded events make, as they came and by other rules."""

import json
import re
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import click

from forwarder.cli.output import Failed, counted, say, unusable
from forwarder.config.load import load_settings
from forwarder.errors import ConfigError

if TYPE_CHECKING:
    from forwarder.sessions.facts import Assign

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
@click.option("--config", type=click.Path(path_type=Path), help="The forwarder's TOML file.")
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
@click.argument("events", type=click.File("rb"), default="-")
def sessions(
    config: Path | None,
    length: int | None,
    maximum: int | None,
    assign: "Assign | None",
    html: Path | None,
    as_json: bool,
    events: BinaryIO,
) -> None:
    """Show which sessions EVENTS make: as they came, and by the rules of the configuration or of the options.

    EVENTS is a file with recorded events in Segment's JSON: one a line, in lists, or bodies of /v1/batch;
    left out, standard input is read. Sessions before are the ids that the events brought. After, events
    without an id have those that the forwarder would give them; with --length or --maximum pages' own ids are
    decided anew, too. Session Started and Session Ended do not count. Nothing is sent or kept.

    \b
    What would 15 minutes change?
      forwarder sessions --length 15m --html chart.html events.jsonl
    """
    from forwarder.cli.session_report import compare
    from forwarder.sessions.chart import page
    from forwarder.sessions.report import rows

    try:
        settings = load_settings(config)
    except ConfigError as error:
        raise unusable(error) from None
    done = compare(events.read(), settings, length, maximum, assign)
    if done.skipped:
        say(f"{counted(done.skipped, 'event')} left out: no events, or of nobody", err=True)
    if as_json:
        figures = {"before": done.before, "after": done.after}
        say(json.dumps({name: asdict(one) for name, one in figures.items()}))
    else:
        say(f"{'':20}{'before':>18}{'after':>18}")
        for (what, old), (_, new) in zip(rows(done.before), rows(done.after), strict=True):
            say(f"{what:20}{old:>18}{new:>18}")
        say(f"after: {done.rules}")
    if html is not None:
        try:
            html.write_text(page(done.before, done.after, done.rules), encoding="utf-8")
        except OSError as error:
            raise Failed(f"{html} cannot be written: {error.strerror}") from None
        say(f"written: {html}", err=True)
