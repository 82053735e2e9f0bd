"""``forwarder backup``: a copy of the spool's file while a forwarder serves from it."""

import os
import sqlite3
from contextlib import closing
from pathlib import Path

import click

from forwarder.cli.output import Failed, say, unusable
from forwarder.config.load import load_settings
from forwarder.errors import ConfigError, ForwarderError
from forwarder.spool.location import is_stream_url
from forwarder.spool.sqlite.schema import open_database


@click.command()
@click.option("--config", type=click.Path(path_type=Path), help="The forwarder's TOML file.")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
def backup(config: Path | None, file: Path) -> None:
    """Write the spool, as it is at one moment, to FILE; a forwarder that serves from it goes on.

    The copy holds what waits, is parked and dead, history, which ids came in the last day, and the counts. To
    restore it, stop the forwarder, remove the spool's file with those beside it (-wal, -shm), copy FILE to
    its place and start. What was delivered after the backup is delivered again, and Amplitude drops it for 7
    days; users deleted after the backup have to be deleted again.

    \b
      forwarder backup --config forwarder.toml /backup/spool-$(date +%F).db
    """
    try:
        spool = load_settings(config).spool.path
    except ConfigError as error:
        raise unusable(error) from None
    if is_stream_url(spool):
        raise Failed(
            "the spool is a stream: NATS keeps it on several servers; back it up with: nats stream backup"
        )
    if file.exists():
        raise Failed(f"{file} is there already; name a new file")
    try:
        _copy(Path(spool), file)
    except ForwarderError as error:
        raise Failed(str(error)) from None
    except (OSError, sqlite3.Error) as error:
        raise Failed(f"{file} cannot be written: {error}; nothing is left of it") from None
    say(f"{file} is written: {file.stat().st_size} bytes")


def _copy(spool: Path, file: Path) -> None:
    """Write the copy beside its place and put it there once it is whole and on disk."""
    part = file.with_name(f"{file.name}.{os.getpid()}.part")
    os.umask(0o077)  # events are personal data
    try:
        with closing(open_database(spool, tool=True)) as database:
            # Not page by page: what was deleted and not yet written over would come along.
            database.execute("VACUUM INTO ?", (str(part),))
        with part.open("rb") as written:
            os.fsync(written.fileno())
        part.rename(file)
    finally:
        part.unlink(missing_ok=True)
