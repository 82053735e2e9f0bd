"""``forwarder import-events``: events of files sent to Amplitude."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from itertools import starmap
from pathlib import Path

import click

from forwarder.cli.configuration import config_option, read
from forwarder.cli.events import reading
from forwarder.cli.output import Failed, say
from forwarder.cli.sending_again import (
    Task,
    anew_option,
    give_way,
    kept_notes,
    now_ms,
    rate_option,
    routes_to,
    send,
    with_errors,
)
from forwarder.config.settings import Settings, Source
from forwarder.replay.from_lines import LineSupply
from forwarder.replay.lines import Line, count_lines, lines_of
from forwarder.replay.scratch import scratch_path
from forwarder.spool.location import is_stream_url
from forwarder.spool.sqlite import erasure
from forwarder.spool.user_mark import UserMark
from forwarder.text import cell

_FILE = click.Path(dir_okay=False, allow_dash=True)


@click.command("import-events")
@config_option
@click.option("--source", help="Whose events they are; otherwise the first source's.")
@click.option("--to", "destination", help="Only to this destination; otherwise to all of them.")
@rate_option
@anew_option
@click.argument("files", nargs=-1, required=True, type=_FILE)
def import_events(
    config: Path | None,
    source: str | None,
    destination: str | None,
    rate: float,
    anew: bool,
    files: tuple[str, ...],
) -> None:
    """Send the events of FILES to Amplitude: one JSON object a line, also .gz; - is standard input.

    Each is checked as ingest checks it and given its session as configured, by its own time. A line that is
    refused is named with its reason, and the others go; the exit code is 1 then. They go by Amplitude's Batch
    endpoint, each user's in order of the lines. Cut off at any time, the same command goes on where it was.

    \b
    Lines: events as Segment's libraries send or its archives have them, or what events find --json prints.
      forwarder import-events --config forwarder.toml --source web archive/*.gz
      forwarder events find --json --user user-17 | forwarder import-events --to other -
    """
    give_way()
    settings = read(config)
    to = routes_to(settings, destination)
    of = _source(settings, source)
    path = scratch_path(settings.spool, ["import", of.name, destination, [_named(one) for one in files]])
    notes = kept_notes(path, anew=anew)
    if notes:
        say(f"going on behind the {notes['position']:,} lines that an earlier run of this command has read")
    total = with_errors(lambda: count_lines(files))
    refused = [0]

    def report(line: Line, code: str, message: str) -> None:
        refused[0] += 1
        say(f"{line.file}:{line.number}: {code}: {cell(message)}", err=True)

    begin = {"position": 0, "began": now_ms(), "rejected": 0}
    task = Task(path, ", ".join(one.name for one in to), to, rate, begin, total, _suppressed(settings))
    with closing(lines_of(files)) as lines:
        well = send(task, LineSupply(lines, settings, of, report, now_ms))
    if refused[0] or notes.get("rejected") or not well:
        raise SystemExit(1)


def _named(file: str) -> Sequence[object]:
    """Return what a file is recognised by. Raises Failed where there is none."""
    if file == "-":
        return [file]
    try:
        return [str(Path(file).absolute()), Path(file).stat().st_size]
    except OSError as error:
        raise Failed(f"{file}: {error.strerror}; name a file that can be read") from None


def _source(settings: Settings, name: str | None) -> Source:
    for source in settings.sources:
        if name in (None, source.name):
            return source
    known = ", ".join(source.name for source in settings.sources)
    raise Failed(f"there is no source {name!r}; name one of {known}" if known else "no source is configured")


def _suppressed(settings: Settings) -> list[UserMark]:
    """Return the users whose later events are dropped; none where there is no spool yet."""
    spool = settings.spool
    if not Path(spool.copy_path if is_stream_url(spool.path) else spool.path).exists():
        return []
    with reading(settings) as database:
        marks = starmap(UserMark, database.execute(erasure.MARKS))
        return [mark for mark in marks if mark.until > now_ms()]
