"""``forwarder suppression``: deleted users whose later events are dropped, and taking that back."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click

from forwarder.cli.delete import PATIENCE_S, users_given
from forwarder.cli.output import Failed, counted, say, unusable
from forwarder.config.load import load_settings
from forwarder.config.settings import Settings
from forwarder.errors import ConfigError, ForwarderError
from forwarder.spool.location import is_stream_url

if TYPE_CHECKING:
    from forwarder.spool.sqlite.spool import SqliteSpool
    from forwarder.spool.user_mark import UserMark

T = TypeVar("T")


@click.group("suppression")
def suppression_group() -> None:
    """Deleted users whose later events are dropped: how many there are, and taking that back."""


_config = click.option("--config", type=click.Path(path_type=Path), help="The forwarder's TOML file.")


@suppression_group.command("count")
@_config
def count(config: Path | None) -> None:
    """Say of how many users later events are dropped, for ever and for a time.

    Who they are cannot be said: the spool keeps hashes of their ids.
    """
    for_ever, for_a_time = _on_spool(_settings(config), _count)
    say(f"for ever: {counted(for_ever, 'user')}; for a time: {counted(for_a_time, 'user')}")


@suppression_group.command("lift")
@_config
@click.option(
    "--from",
    "file",
    type=click.Path(exists=True, dir_okay=False, allow_dash=True),
    help="Also the users in this file, one id a line; - for standard input.",
)
@click.argument("user_ids", nargs=-1)
def lift(config: Path | None, file: str | None, user_ids: tuple[str, ...]) -> None:
    """Let later events of USER_IDS through again, at all destinations.

    Their events up to now stay dropped, and what Amplitude has deleted stays deleted. USER_IDS may be - for
    standard input, one id a line.
    """
    from forwarder.cli.erasing import wait_until_known
    from forwarder.spool.suppression import mark_of

    users, _ = users_given(user_ids, file)
    settings = _settings(config)

    async def lifted(spool: "SqliteSpool") -> int:
        now = _now()
        marks = _suppressing(await spool.marks(), now)
        held = {mark.mark for mark in marks}
        wanted = {mark_of(user, key) for key in {mark.key for mark in marks} for user in users}
        found = sorted(wanted & held)
        if found:
            number = await spool.lift_suppression(found, now)
            await wait_until_known(spool, number, settings.server.stop_seconds + PATIENCE_S)
        return len(found)

    found = _on_spool(settings, lifted)
    others = len(users) - found
    beside = f"; {others} of those named had none" if others else ""
    say(f"lifted the suppression of {counted(found, 'user')}{beside}")


async def _count(spool: "SqliteSpool") -> tuple[int, int]:
    """Return of how many users later events are dropped: for ever, and only for a time."""
    from forwarder.spool.suppression import FOR_EVER

    marks = _suppressing(await spool.marks(), _now())
    for_ever = {mark.mark for mark in marks if mark.until == FOR_EVER}
    return len(for_ever), len({mark.mark for mark in marks} - for_ever)


def _suppressing(marks: Iterable["UserMark"], now: int) -> list["UserMark"]:
    return [mark for mark in marks if mark.until > now]


def _now() -> int:
    return time.time_ns() // 1_000_000


def _settings(config: Path | None) -> Settings:
    try:
        settings = load_settings(config)
    except ConfigError as error:
        raise unusable(error) from None
    if not is_stream_url(settings.spool.path) and not Path(settings.spool.path).exists():
        raise Failed(f"there is no spool at {settings.spool.path}, so nobody is suppressed; see --config")
    return settings


def _on_spool(settings: Settings, act: Callable[["SqliteSpool"], Awaitable[T]]) -> T:
    """Return what ``act`` does with the spool. Raises Failed."""
    from forwarder.cli.erasing import with_spool

    try:
        return asyncio.run(with_spool(settings.spool, act))
    except ForwarderError as error:
        raise Failed(str(error)) from None
