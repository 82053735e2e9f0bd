"""``forwarder plan``: what would become of events, without sending them."""

import time
from pathlib import Path
from typing import BinaryIO

import click

from forwarder.cli.configuration import config_option, read
from forwarder.cli.output import Failed, say, unusable
from forwarder.config.settings import Settings, Source
from forwarder.errors import ConfigError


@click.command()
@config_option
@click.option("--explain", is_flag=True, help="For people: why each subscription matches or not, and more.")
@click.option("--source", help="The source of events that name no write key; otherwise the first.")
@click.option(
    "--compare",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="What was sent to Amplitude (requests or items, one a line), or another plan: say what differs.",
)
@click.option(
    "--html", type=click.Path(dir_okay=False, path_type=Path), help="Also write the comparison as a page."
)
@click.option(
    "--enrich",
    type=click.Path(path_type=Path),
    help="An owner's module or package, for every source in place of its own setting; its effect is shown.",
)
@click.argument("events", type=click.File("rb"), default="-")
def plan(
    config: Path | None,
    events: BinaryIO,
    explain: bool,
    source: str | None,
    compare: Path | None,
    html: Path | None,
    enrich: Path | None,
) -> None:
    """Show what would become of EVENTS, and what would be sent to Amplitude, without sending.

    EVENTS is a file with events in Segment's JSON: one a line, pretty-printed, in lists or in the bodies of
    /v1/batch; left out, standard input is read. Each is treated as serve would treat it now, with its checks
    and its corrections of the time. One JSON line for each shows every matching subscription's requests, or
    why it is rejected or filtered.

    \b
    Try a mapping, or code of your own, on a few events:
      forwarder plan --config forwarder.toml --explain events.jsonl
      forwarder plan --config forwarder.toml --enrich shop_enrichment.py --explain events.jsonl
    See what changes with the move from Segment, by event and field; ends with 1 if anything does:
      forwarder plan --config forwarder.toml --compare sent.jsonl --html differences.html events.jsonl
    """
    from forwarder.cli.comparing import show_comparison
    from forwarder.cli.outcomes import show_outcome
    from forwarder.enrichment.code import with_code
    from forwarder.trial.accepting import Trial
    from forwarder.trial.reading import read_events
    from forwarder.wiring import destinations_of

    if explain and compare:
        raise click.UsageError("--explain and --compare do not go together: one of them at a time")
    if html and not compare:
        raise click.UsageError("--html goes with --compare")
    settings = read(config)
    if enrich:
        settings = with_code(settings, enrich)
    try:
        destinations = destinations_of(settings)
        trial = Trial(settings, _source(settings, source), lambda: time.time_ns() // 1_000_000)
    except ConfigError as error:
        raise unusable(error) from None
    if not destinations:
        raise Failed("no destination is configured; add [[destinations]] to the file")
    failed = False
    lines: list[str] = []
    for given in read_events(events.read()):
        if given.problem:
            failed = True
            say(given.problem, err=True)
            continue
        made = show_outcome(given.event, trial.accept(given), settings, destinations, explain=explain)
        if compare:
            lines += made
        else:
            say("\n".join(made))
    differ = compare is not None and show_comparison(lines, compare, html)
    if failed or differ:
        raise SystemExit(1)


def _source(settings: Settings, name: str | None) -> Source:
    for source in settings.sources:
        if name is None or source.name == name:
            return source
    if name is None:
        raise Failed("no source is configured; add [[sources]] to the file")
    known = ", ".join(source.name for source in settings.sources)
    raise Failed(f"there is no source {name!r}; name one of {known}")
