"""``forwarder dead``: the dead letters, beside a running forwarder or without one."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import click

from forwarder.configuration import load_settings
from forwarder.delivery import dead
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
        raise click.ClickException("; ".join(error.problems)) from None
    except ForwarderError as error:
        raise click.ClickException(str(error)) from None


@dead_group.command("list")
@config_option
@destination_option
@reason_option
def list_(config: Path | None, destination: str | None, reason: str | None) -> None:
    """Print one line for each: number, time, destination, source, message id, reason."""

    async def act(spool: Spool) -> None:
        async for letter in dead.dead_letters(spool, destination, reason):
            click.echo(dead.one_line(letter))

    _with_spool(config, act)


@dead_group.command()
@config_option
@click.argument("number", type=int)
def show(config: Path | None, number: int) -> None:
    """Print everything about one: the event, what was sent, what was answered."""

    async def act(spool: Spool) -> None:
        for letter in await spool.dead(number=number):
            click.echo(dead.whole(letter, _now()))
            return
        raise click.ClickException(f"there is no dead letter {number}; see forwarder dead list")

    _with_spool(config, act)


def _chosen(
    spool: Spool, numbers: tuple[int, ...], everything: bool, destination: str | None, reason: str | None
) -> AsyncIterator[DeadLetter]:
    if bool(numbers) == (everything or destination is not None or reason is not None):
        raise click.ClickException("give numbers, or --all, --destination, --reason; not both")
    return dead.numbered(spool, numbers) if numbers else dead.dead_letters(spool, destination, reason)


@dead_group.command()
@config_option
@numbers_argument
@all_option
@destination_option
@reason_option
def retry(
    config: Path | None,
    numbers: tuple[int, ...],
    everything: bool,
    destination: str | None,
    reason: str | None,
) -> None:
    """Send dead letters again; a running forwarder takes them up within seconds."""

    async def act(spool: Spool) -> None:
        numbers_now = []
        async for letter in _chosen(spool, numbers, everything, destination, reason):
            numbers_now.append(letter.number)
            if dead.may_count_twice(letter, _now()):
                click.echo(f"{letter.number}: {dead.TWICE}", err=True)
        click.echo(f"sent again: {await dead.page_by_page(spool.retry, numbers_now)}")

    _with_spool(config, act)


@dead_group.command()
@config_option
@numbers_argument
@all_option
@destination_option
@reason_option
def drop(
    config: Path | None,
    numbers: tuple[int, ...],
    everything: bool,
    destination: str | None,
    reason: str | None,
) -> None:
    """Delete dead letters for good."""

    async def act(spool: Spool) -> None:
        letters = _chosen(spool, numbers, everything, destination, reason)
        numbers_now = [letter.number async for letter in letters]
        click.echo(f"dropped: {await dead.page_by_page(spool.drop, numbers_now)}")

    _with_spool(config, act)
