"""``forwarder delete``: users deleted at Amplitude, and their events removed from the spool."""

import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from forwarder.cli.output import Failed, counted, say, unusable
from forwarder.config.load import load_settings
from forwarder.errors import ConfigError, ForwarderError
from forwarder.javascript.json import stringify

if TYPE_CHECKING:
    from forwarder.amplitude.destination import AmplitudeDestination
    from forwarder.cli.erasing import Eraser

_DAY_MS = 86_400_000
PATIENCE_S = 40.0
"""Beyond ``stop_seconds``: how long a running forwarder may take to begin its deliveries anew."""


@click.command()
@click.option("--config", type=click.Path(path_type=Path), help="The forwarder's TOML file.")
@click.option("--destination", help="Only at this destination; otherwise at all of them.")
@click.option(
    "--from",
    "file",
    type=click.Path(exists=True, dir_okay=False, allow_dash=True),
    help="Also the users in this file, one id a line; - for standard input. It keeps ids out of the process"
    " list and the shell's history.",
)
@click.option(
    "--suppress", "for_ever", is_flag=True, help="Also drop all events that come of these users later."
)
@click.option(
    "--suppress-days",
    type=click.FloatRange(0, 36_500, min_open=True),
    help="Also drop events of these users that come in the next so many days.",
)
@click.option("--dry-run", is_flag=True, help="Print the requests as JSON lines; send and remove nothing.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.argument("user_ids", nargs=-1)
def delete(
    config: Path | None,
    destination: str | None,
    file: str | None,
    for_ever: bool,
    suppress_days: float | None,
    dry_run: bool,
    yes: bool,
    user_ids: tuple[str, ...],
) -> None:
    """Delete the users USER_IDS: their events here, and all of their data at Amplitude, for good.

    What waits in the spool or in a replay, is parked or lies in the dead letters is removed before Amplitude
    is asked and once more after. USER_IDS may be - for standard input, one id a line. What a page or app
    sends can never do this: it takes the secret key of the configuration.
    """
    from forwarder.cli.amplitude_api import delete_users
    from forwarder.cli.erasing import Eraser
    from forwarder.spool.suppression import FOR_EVER
    from forwarder.wiring import destinations_of

    if for_ever and suppress_days is not None:
        raise click.UsageError("give --suppress or --suppress-days, not both")
    users, from_input = users_given(user_ids, file)
    try:
        settings = load_settings(config)
        known = destinations_of(settings)
    except ConfigError as error:
        raise unusable(error) from None
    chosen = _chosen(known, destination)
    if dry_run:
        _print_requests(chosen.values(), users)
        return
    if not yes:
        _confirm(len(users), chosen, from_input=from_input)
    until = FOR_EVER if for_ever else 0
    if suppress_days is not None:
        until = time.time_ns() // 1_000_000 + round(suppress_days * _DAY_MS)
    patience_s = settings.server.stop_seconds + PATIENCE_S
    eraser = Eraser(settings.spool, chosen, len(chosen) == len(known), users, until, patience_s)
    _remove(eraser, until, "; Amplitude was not asked")
    problems = {name: delete_users(one, users) for name, one in chosen.items()}
    accepted = f"taken: {counted(len(users), 'user')} will be deleted"
    for name, problem in problems.items():
        say(f"{name}: {problem or accepted}", err=problem is not None)
    _remove(eraser, until, "; Amplitude was asked", again=True)
    if any(problems.values()):
        raise SystemExit(1)


def _chosen(
    known: Mapping[str, "AmplitudeDestination"], destination: str | None
) -> dict[str, "AmplitudeDestination"]:
    """Return the destination of that name, all for None. Raises Failed where there is none."""
    chosen = {name: one for name, one in known.items() if destination in (None, name)}
    if not chosen:
        wanted = f"called {destination!r}" if destination is not None else "configured"
        raise Failed(f"there is no destination {wanted}; see forwarder check")
    return chosen


def _print_requests(destinations: Iterable["AmplitudeDestination"], users: Sequence[str]) -> None:
    for one in destinations:
        for call in one.deletion(users):
            say(stringify({"method": call.method, "url": call.url, "json": call.json}))


def _confirm(users: int, destinations: Iterable[str], *, from_input: bool) -> None:
    """Ask whether to go on. Raises Failed where standard input holds the ids, Abort at a no."""
    if from_input:
        raise Failed("nobody can be asked where the ids come from standard input; give --yes")
    click.confirm(f"Delete {counted(users, 'user')} at {', '.join(destinations)} for good?", abort=True)


def users_given(given: Sequence[str], file: str | None) -> tuple[list[str], bool]:
    """Return the users, each once, and whether standard input was read. Raises Failed."""
    inputs = {one for one in (*given, file) if one == "-"} | ({file} if file is not None else set())
    found = [user for user in given if user != "-"]
    for one in sorted(inputs):
        try:
            content = sys.stdin.buffer.read() if one == "-" else Path(one).read_bytes()
            found += content.decode("utf-8-sig").split("\n")
        except UnicodeDecodeError as error:
            raise Failed(f"the ids are not UTF-8, at byte {error.start}; write them as UTF-8") from None
        except OSError as error:
            raise Failed(f"{one}: {error.strerror}; name a file that can be read") from None
    users = list(dict.fromkeys(user for line in found if (user := line.strip())))
    if not users:
        raise Failed("no user is given; name some, or --from a file with one id a line")
    return users, "-" in inputs


def _remove(eraser: "Eraser", until: int, so_far: str, *, again: bool = False) -> None:
    """Remove events from the spool and say how many. Raises Failed."""
    if not eraser.has_spool:
        if until:
            raise Failed(f"there is no spool at {eraser.spool.path} that could drop later events{so_far}")
        if not again:
            say(f"there is no spool at {eraser.spool.path}: nothing to remove there", err=True)
        return
    try:
        removed = eraser.remove()
        for replay in eraser.replays():
            removed = removed.plus(replay.remove())
    except ForwarderError as error:
        raise Failed(f"{error}{so_far}") from None
    if again and not any(removed):
        return
    waiting = f"{counted(removed.waiting, 'waiting event')}, " if eraser.everywhere else ""
    parked, dead = counted(removed.parked, "parked event"), counted(removed.dead, "dead letter")
    old = f", {counted(removed.history, 'event')} of history" if removed.history else ""
    say(f"spool: removed {waiting}{parked}, {dead}{old}{', once more' if again else ''}")
