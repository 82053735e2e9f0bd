"""What ``replay`` and ``import-events`` share: sending from a scratch spool, progress bar and tally."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, TypeVar

import click

from forwarder.cli.output import Failed, counted, say, unusable
from forwarder.config.settings import Settings
from forwarder.delivery import DestinationRoute
from forwarder.delivery.dead_letters import dead_letters
from forwarder.errors import ConfigError, SpoolError, SpoolInUse
from forwarder.outcomes import Outcome
from forwarder.replay.batch_planner import for_history
from forwarder.replay.lines import FileError
from forwarder.replay.run import RATE, Progress, Replay, Supply
from forwarder.replay.scratch import DUPLICATES, Portion, ScratchSpool, remove
from forwarder.spool import Standing
from forwarder.spool.user_mark import UserMark
from forwarder.text import cell

T = TypeVar("T")
_LISTED = 10
"""Dead letters that are listed by themselves."""
_NICENESS = 10
"""So that the system serves a forwarder on the same machine first."""
_PASSED_OVER = {
    "too_old": "left out, older than Amplitude recognises",
    "user_deleted": "left out, their users were deleted",
    "rejected": "refused",
    "dropped": "dropped by the source's own enrich",
    DUPLICATES: "there twice",
}
"""The notes that count what was not sent, and what is said of them."""

rate_option = click.option(
    "--rate",
    type=click.FloatRange(min=1, max=100_000),
    default=RATE,
    show_default=True,
    help="Most events a second.",
)
anew_option = click.option(
    "--anew", is_flag=True, help="Forget how far an earlier run of this command came, and begin again."
)


def routes_to(settings: Settings, destination: str | None) -> list[DestinationRoute]:
    """Return the routes to the destination of that name, to all for None. Raises Failed for none."""
    from forwarder.routing import routes  # takes a while, and other programs go first

    try:
        configured = routes(settings)
    except ConfigError as error:
        raise unusable(error) from None
    found = [one for one in configured if destination in (None, one.name)]
    if not found:
        if not configured:
            raise Failed("no destination is configured; add [[destinations]] to the file")
        known = ", ".join(one.name for one in configured)
        raise Failed(f"there is no destination {destination!r}; name one of {known}")
    return found


def now_ms() -> int:
    """Return the machine's clock: milliseconds since the epoch."""
    return time.time_ns() // 1_000_000


class Task(NamedTuple):
    """The events to be sent. ``path``: the scratch spool's file; ``label``: what its progress is called.

    ``begin``: the notes with which a new one begins; ``total``: events there are, 0 where nobody knows;
    ``marks``: users whose events are dropped.
    """

    path: Path
    label: str
    routes: Sequence[DestinationRoute]
    rate: float
    begin: Mapping[str, int]
    total: int
    marks: Sequence[UserMark] = ()


class _Ended(NamedTuple):
    """``dead``: reasons, how often each; ``letters``: message id and reason of the first."""

    progress: Progress
    complete: bool
    dead: Counter[str]
    letters: list[tuple[str, str]]


def kept_notes(path: Path, *, anew: bool) -> dict[str, int]:
    """Return the notes of the replay that is to be taken up; none where it begins. Raises Failed.

    ``anew``: what is there is removed first.
    """
    if not path.exists():
        return {}

    async def look() -> dict[str, int]:
        spool = ScratchSpool(path)
        try:
            return await spool.notes()
        finally:
            await spool.close()

    with_errors(lambda: remove(path) if anew else None)
    return {} if anew else with_errors(lambda: asyncio.run(look()))


def with_errors(work: Callable[[], T]) -> T:
    """Return what ``work`` does. Raises Failed for what a user can mend."""
    try:
        return work()
    except SpoolInUse:
        raise Failed("this very command is running already; wait for its end, or stop it") from None
    except (SpoolError, FileError) as error:
        raise Failed(str(error)) from None
    except OSError as error:
        raise Failed(f"{error.filename}: {error.strerror}; see to the folder of the spool") from None


def give_way() -> None:
    """Have the system serve other programs first; to be done before anything else takes time."""
    os.nice(max(0, _NICENESS - os.nice(0)))


def send(task: Task, supply: Supply) -> bool:
    """Send all, with a progress bar, and print the tally; return whether all ended well. Raises Failed.

    What ended well leaves nothing behind.
    """
    ended = with_errors(lambda: asyncio.run(_send(task, supply)))
    for name, standing in sorted(ended.progress.standings.items()):
        say(_tally(name, standing, ended.dead if len(task.routes) == 1 else None))
    for note, words in _PASSED_OVER.items():
        if number := ended.progress.notes.get(note):
            say(f"{counted(number, 'event')} {words}")
    for message_id, reason in ended.letters:
        say(f"  dead\t{cell(message_id)}\t{cell(reason)}")
    if not ended.complete:
        say("stopped; the same command goes on from here, with --anew it begins again", err=True)
        return False
    if ended.dead:
        say(
            f"what is dead lies in {task.path.parent}: mend the mapping and run the same command again, which"
            " sends it alone; or remove that folder",
            err=True,
        )
        return False
    with_errors(lambda: remove(task.path))
    return True


async def _send(task: Task, supply: Supply) -> _Ended:
    task.path.parent.mkdir(parents=True, exist_ok=True)
    spool = ScratchSpool(task.path)
    try:
        if not await spool.notes():
            if task.marks:
                await spool.mark_users(task.marks, now_ms())
            await spool.add(Portion((), (), task.begin), now_ms())
        replay = Replay(spool, [for_history(one) for one in task.routes], supply, now_ms, task.rate)
        stop = _stop_by_signal()
        with click.progressbar(
            length=task.total or 1, label=task.label, show_pos=True, file=sys.stderr, item_show_func=_said
        ) as bar:

            def show(progress: Progress) -> None:
                done = _done(progress)
                bar.length = max(task.total, done) or 1
                bar.update(done - bar.pos, progress)

            last = await replay.run(show, stop)
            show(last)
        reasons, shown = Counter[str](), list[tuple[str, str]]()
        async for one in dead_letters(spool):
            reasons[one.reason.partition(":")[0]] += 1
            if len(shown) < _LISTED:
                shown.append((one.event.message_id, one.reason))
    finally:
        await spool.close()
    return _Ended(last, supply.is_over(last.notes) and not last.waiting, reasons, shown)


def _stop_by_signal() -> asyncio.Event:
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    return stop


def _done(progress: Progress) -> int:
    """Return how many events have ended, those that were not sent among them."""
    accepted = max((one.accepted for one in progress.standings.values()), default=0)
    return accepted - progress.waiting + sum(progress.notes.get(note, 0) for note in _PASSED_OVER)


def _said(progress: Progress | None) -> str | None:
    """Return what is said beside the bar: why nothing goes on."""
    if progress is None:
        return None
    if progress.held_back:
        return "; ".join(f"{name} is held back: {why}" for name, why in progress.held_back.items())
    return f"{progress.parked} wait for their user or device" if progress.parked else None


def _tally(name: str, standing: Standing, dead: Counter[str] | None) -> str:
    """Return how a destination's events have ended. ``dead``: the reasons, where all are this one's."""
    delivered = sum(n for (outcome, _), n in standing.ended.items() if outcome == Outcome.DELIVERED)
    filtered = Counter(
        {why: n for (outcome, why), n in standing.ended.items() if outcome == Outcome.FILTERED}
    )
    parts = [f"{delivered:,} delivered", _with_reasons(filtered.total(), "filtered", filtered)]
    parts.append(_with_reasons(standing.dead, "dead", dead or Counter()))
    if standing.waiting:
        parts.append(f"{standing.waiting:,} waiting")
    return f"{name}: {', '.join(parts)}"


def _with_reasons(number: int, what: str, reasons: Counter[str]) -> str:
    said = ", ".join(f"{cell(why)} {n:,}" for why, n in reasons.most_common())
    return f"{number:,} {what}" + (f" ({said})" if said else "")
