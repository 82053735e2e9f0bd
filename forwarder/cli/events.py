"""``forwarder events`` and ``tail``: what became of events, beside a running forwarder or without one."""

import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from functools import wraps
from pathlib import Path

import click
import orjson

from forwarder.cli.configuration import config_option, read
from forwarder.cli.event_shown import event_time, found_line, shown, turned_away_line
from forwarder.cli.output import Failed, say
from forwarder.config.settings import Settings
from forwarder.errors import ForwarderError
from forwarder.history import finding
from forwarder.history.filters import Filters
from forwarder.history.fullness import fullness
from forwarder.outcomes import Outcome
from forwarder.spool.location import is_stream_url
from forwarder.spool.sqlite.schema import open_database
from forwarder.text import in_lines

_UNITS = {"s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
_LOOK_S = 0.5
"""How often a followed history is looked at."""
_MOST_FOLLOWED = 10_000
"""Events printed between two looks; of more, the newest."""
PATIENCE_S = 5.0
"""How long events are looked for that no index finds: a million of them, or two."""
_AT_INGEST = (Outcome.REJECTED, Outcome.DUPLICATE)
_OUTCOMES = [*(one.value for one in Outcome), finding.WAITING]


class _Ago(click.ParamType[int]):
    """A length of time like ``90m``, in milliseconds."""

    name = "AGO"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Return the milliseconds."""
        text = str(value)
        number, unit = text[:-1], text[-1:]
        if not (number.isascii() and number.isdigit() and unit in _UNITS):
            self.fail(f"{value!r} is no length of time; give one like 90m, 24h or 7d", param, ctx)
        return int(number) * _UNITS[unit]


def filtering(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options that choose events, as one ``filters``."""

    @wraps(command)
    def run(
        user: str,
        device: str,
        message: str,
        session: str,
        name: str,
        source: str,
        since: int | None,
        **others: object,
    ) -> None:
        begin = 0 if since is None else time.time_ns() // 1_000_000 - since
        command(filters=Filters(message, user, device, session, name, source, begin), **others)

    for option, what in (
        ("source", "Only of the source of this name."),
        ("name", "Only events of this name, pages of this name, or of this type."),
        ("session", "Only of the session with this id."),
        ("message", "Only the event with this message id."),
        ("device", "Only with this anonymousId."),
        ("user", "Only with this userId."),
    ):
        run = click.option(f"--{option}", default="", help=what)(run)
    return click.option("--since", type=_Ago(), help="Only received in the last 90m, 24h, 7d.")(run)


@contextmanager
def reading(settings: Settings) -> Iterator[sqlite3.Connection]:
    """Open the file that has the history, over a stream this machine's copy. Raises Failed."""
    spool = settings.spool
    path = Path(spool.copy_path if is_stream_url(spool.path) else spool.path)
    try:
        with closing(open_database(path, tool=True)) as database:
            database.execute("PRAGMA query_only=ON")
            yield database
    except ForwarderError as error:
        raise Failed(str(error)) from None
    except sqlite3.Error as error:
        raise Failed(f"{path} cannot be read: {error}; see who else uses it") from None


@click.group("events")
def events_group() -> None:
    """Find events, and show what became of one: they are kept for [history] hours after they came."""


@events_group.command("find")
@config_option
@filtering
@click.option(
    "--outcome", type=click.Choice(_OUTCOMES), help="Only events that ended so at some destination."
)
@click.option("--limit", type=click.IntRange(1), default=50, show_default=True, help="The newest so many.")
@click.option("--follow", is_flag=True, help="Then go on with events as they come, until Ctrl-C.")
@click.option("--all", "everywhere", is_flag=True, help="Look through all of history, however long it takes.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line, with the whole event.")
def find(
    config: Path | None,
    filters: Filters,
    outcome: str | None,
    limit: int,
    follow: bool,
    everywhere: bool,
    as_json: bool,
) -> None:
    """Print events, the newest last: time, source, message id, name, how it ended at each destination.

    The last column says why an event is in its session.

    By message, user, device and session they are found at once; by name, source or outcome one after the
    other: after some seconds it says how far it has looked.

    \b
    What became of this user's orders today?
      forwarder events find --config forwarder.toml --user user-17 --name "Order Completed" --since 24h
    """
    patience = _Patience(0 if everywhere else PATIENCE_S)
    settings = read(config)
    with reading(settings) as database:
        looked = patience.looked
        last, printed = _print(database, filters, outcome or "", limit, as_json=as_json, looked=looked)
        if patience.is_over:
            at = event_time(finding.received_at(database, patience.seq))
            say(f"looked at what came since {at}; --all looks through everything", err=True)
        elif not printed:
            say(_why_none(database, settings), err=True)
        if follow:
            _follow(database, filters, outcome or "", last, as_json=as_json)


@click.command()
@config_option
@filtering
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line, with the whole event.")
def tail(config: Path | None, filters: Filters, as_json: bool) -> None:
    """Print events as they are accepted, until Ctrl-C; how they end shows forwarder events find."""
    with reading(read(config)) as database:
        _follow(database, filters, "", finding.last_seq(database), as_json=as_json)


class _Patience:
    """The time for which history is looked through. ``seconds``: 0 for without end."""

    def __init__(self, seconds: float) -> None:
        self._until = time.monotonic() + seconds if seconds else None
        self.seq = 0
        self.is_over = False

    def looked(self, seq: int) -> None:
        """Note how far it was looked. Raises Enough."""
        self.seq = seq
        if self._until is not None and time.monotonic() > self._until:
            self.is_over = True
            raise finding.Enough


def _print(
    database: sqlite3.Connection,
    filters: Filters,
    outcome: str,
    limit: int,
    *,
    as_json: bool,
    after: int = 0,
    looked: Callable[[int], None] = lambda seq: None,
) -> tuple[int, int]:
    """Print events, with those that ended at ingest.

    Returns the highest seq that needs no other look, and how many were printed.
    """
    last = finding.last_seq(database)
    lines = []
    if outcome not in _AT_INGEST:
        found = finding.find(database, filters, limit, after, outcome, looked)
        lines += [(one.event.received_at, found_line(one, as_json=as_json)) for one in found]
        last = max([last, *(one.event.seq for one in found)])  # some may have come in between
    if not after and outcome in ("", Outcome.FILTERED, *_AT_INGEST):
        away = finding.turned_away(database, filters, limit)
        lines += [
            (one.at, turned_away_line(one, as_json=as_json)) for one in away if outcome in ("", one.outcome)
        ]
    lines = sorted(lines)[-limit:]
    for _, line in lines:
        say(line)
    return last, len(lines)


def _why_none(database: sqlite3.Connection, settings: Settings) -> str:
    """Return what is said where no event was found."""
    kept = settings.history
    if not (kept.hours and kept.bytes):
        off = "hours" if not kept.hours else "bytes"
        return f"no such event waits; others are not kept ([history] {off} = 0)"
    since = fullness(database).oldest_at
    reach = "" if since is None else f"; it reaches back to {event_time(since)}"
    return f"history has no such event{reach}"


def _follow(
    database: sqlite3.Connection, filters: Filters, outcome: str, last: int, *, as_json: bool
) -> None:
    while True:
        time.sleep(_LOOK_S)
        last, _ = _print(database, filters, outcome, _MOST_FOLLOWED, as_json=as_json, after=last or -1)


@events_group.command("show")
@config_option
@click.argument("message_id")
def show(config: Path | None, message_id: str) -> None:
    """Print everything about one event: as it came, what mappings make of it, what was answered.

    What mappings make of it is worked out by the configuration as it is now; requests and answers are those
    that were sent.
    """
    settings = read(config)
    wanted = Filters(message=message_id)
    with reading(settings) as database:
        found = finding.find(database, wanted, 10)
        away = finding.turned_away(database, wanted, 10)
        histories = [finding.settled(database, one.event.seq) for one in found]
    if not (found or away):
        raise Failed("history has no event with this message id; it may be too old, or never have come")
    for one, settled in zip(found, histories, strict=True):
        say("\n".join(shown(one.event, settled, settings)))
    for gone in away:
        say(turned_away_line(gone, as_json=False))
        if gone.body:
            say(in_lines(_pretty(gone.body)))


def _pretty(body: bytes) -> str:
    try:
        return orjson.dumps(orjson.loads(body), option=orjson.OPT_INDENT_2).decode()
    except ValueError:  # cut, or none
        return body.decode("utf-8", "replace")
