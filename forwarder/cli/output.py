"""What commands print, safe for every terminal: events hold whatever senders put there."""

import click

from forwarder.errors import ConfigError
from forwarder.text import cell, in_lines


def say(text: str, *, err: bool = False) -> None:
    """Print lines; nothing in them moves the cursor, sets a title or looks like another line."""
    click.echo(in_lines(text), err=err)


class Failed(click.ClickException):
    """The command ends with this message."""

    def __init__(self, message: str) -> None:
        super().__init__(in_lines(message))


def unusable(error: ConfigError) -> Failed:
    """Return the end of a command whose configuration cannot be used: every problem on its own line."""
    return Failed("\n  ".join(["the configuration cannot be used:", *map(cell, error.problems)]))


def counted(number: int, noun: str) -> str:
    """Return the number with its noun: ``1 source``, ``2 sources``."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
