"""``forwarder dead``: the dead letters, beside a running forwarder or without one."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import wraps
from pathlib import Path
from typing import NamedTuple

import click

from forwarder.cli.output import Failed, counted, say, unusable
from forwarder.config.load import load_settings
from forwarder.delivery import dead_letters
from forwarder.errors import ConfigError, ForwarderError
from forwarder.opening import open_configured
from forwarder.spool import DeadLetter, Spool

config_option = click.option("--config", type=click.Path(path_type=Path), help="The forwarder's TOML file.")
destination_option = click.option("--destination", help="Only those of this destination.")
reason_option = click.option("--reason", help="Only those whose reason contains this text.")
numbers_argument = click.argument("numbers", type=int, nargs=-1)
all_option = click.option("--all", "everything", is_flag=True, help="All that match, instead of numbers.")


@click.group("dead")
def dead_group() -> None:
    """Look at dead letters, send them again, or drop them.

    An event is a dead letter when Amplitude refused it, its mapping failed, or time ran out. Sent again, it
    is mapped anew, as the configuration is then, and keeps its insert id: Amplitude counts it once.
    """


def _now() -> int:
    return time.time_ns() // 1_000_000


def _with_spool(config: Path | None, act: Callable[[Spool], Awaitable[None]]) -> None:
    async def run() -> None:
        spool = await open_configured(load_settings(config).spool, tool=True)
        try:
            await act(spool)
        finally:
            await spool.close()

    try:
        asyncio.run(run())
    except ConfigError as error:
        raise unusable(error) from None
    except ForwarderError as error:
        raise Failed(str(error)) from None


@dead_group.command("list")
@config_option
@destination_option
@reason_option
def list_(config: Path | None, destination: str | None, reason: str | None) -> None:
    """Print one line for each: number, time, destination, source, message id, reason."""

    async def act(spool: Spool) -> None:
        async for letter in dead_letters.dead_letters(spool, destination, reason):
            say(dead_letters.one_line(letter))

    _with_spool(config, act)


@dead_group.command()
@config_option
@click.argument("number", type=int)
def show(config: Path | None, number: int) -> None:
    """Print everything about one: the event, what was sent, what was answered."""

    async def act(spool: Spool) -> None:
        for letter in await spool.dead(number=number):
            say(dead_letters.described(letter, _now()).decode())
            return
        raise Failed(f"there is no dead letter {number}; see forwarder dead list")

    _with_spool(config, act)


class _Selection(NamedTuple):
    """The dead letters that a command is for: those with some numbers, or all that match."""

    numbers: tuple[int, ...]
    everything: bool
    destination: str | None
    reason: str | None

    def letters(self, spool: Spool) -> AsyncIterator[DeadLetter]:
        """Return them, in order. Raises Failed where numbers and something else are given, or nothing."""
        if bool(self.numbers) == (self.everything or self.destination is not None or self.reason is not None):
            raise Failed("give numbers, or --all, --destination, --reason; not both")
        if self.numbers:
            return dead_letters.numbered(spool, self.numbers)
        return dead_letters.dead_letters(spool, self.destination, self.reason)

    def report_missing(self, found: list[int]) -> bool:
        """Say which of the numbers are not among those found; return whether there are any."""
        missing = sorted(set(self.numbers) - set(found))
        if missing:
            shown = ", ".join(map(str, missing[:20])) + (", ..." if len(missing) > 20 else "")
            say(f"no dead letter {shown}; see forwarder dead list", err=True)
        return bool(missing)


def _selecting(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options that select dead letters, as one ``selection``."""

    @wraps(command)
    def run(
        numbers: tuple[int, ...],
        everything: bool,
        destination: str | None,
        reason: str | None,
        **others: object,
    ) -> None:
        command(selection=_Selection(numbers, everything, destination, reason), **others)

    for option in (reason_option, destination_option, all_option, numbers_argument):
        run = option(run)
    return run


def _ask(question: str) -> None:
    """Return where the answer is yes. Raises Failed."""
    try:
        if click.confirm(question):
            return
    except click.Abort:  # nobody is there to answer
        click.echo(err=True)
    raise Failed("nothing was dropped; --yes drops without asking")


@dead_group.command()
@config_option
@_selecting
def retry(config: Path | None, selection: _Selection) -> None:
    """Send dead letters again; a running forwarder takes them up within seconds."""

    async def act(spool: Spool) -> None:
        numbers_now = []
        async for letter in selection.letters(spool):
            numbers_now.append(letter.number)
            if dead_letters.may_count_twice(letter, _now()):
                say(f"{letter.number}: {dead_letters.TWICE}", err=True)
        missing = selection.report_missing(numbers_now)
        say(f"sent again: {await dead_letters.page_by_page(spool.retry, numbers_now)}")
        if missing:
            raise SystemExit(1)

    _with_spool(config, act)


@dead_group.command()
@config_option
@_selecting
@click.option("--yes", is_flag=True, help="Do not ask before letters that were not given by number.")
def drop(config: Path | None, selection: _Selection, yes: bool) -> None:
    """Delete dead letters for good; asks first, unless their numbers are given."""

    async def act(spool: Spool) -> None:
        letters = selection.letters(spool)
        numbers_now = [letter.number async for letter in letters]
        missing = selection.report_missing(numbers_now)
        if numbers_now and not selection.numbers and not yes:
            _ask(f"Drop {counted(len(numbers_now), 'dead letter')} for good?")
        say(f"dropped: {await dead_letters.page_by_page(spool.drop, numbers_now)}")
        if missing:
            raise SystemExit(1)

    _with_spool(config, act)
