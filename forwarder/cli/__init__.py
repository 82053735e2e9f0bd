"""The command line: ``forwarder --help`` explains the commands."""

from pathlib import Path
from typing import BinaryIO

import click

from forwarder.cli.dead import dead_group
from forwarder.cli.delete import delete
from forwarder.configuration import load_settings
from forwarder.errors import ConfigError, ForwarderError
from forwarder.settings import Settings

config_option = click.option(
    "--config",
    type=click.Path(path_type=Path),
    help="The TOML file; forwarder/example.toml shows every setting. Without it: the defaults.",
)


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
def cli() -> None:
    """Take events of Segment's libraries, keep them safe, bring each to Amplitude once.

    \b
    Try it with no configuration at all:
      AMPLITUDE_API_KEY=... forwarder serve
    Then write a file and have it checked:
      forwarder check --config forwarder.toml
    """


cli.add_command(dead_group)
cli.add_command(delete)


def read(config: Path | None) -> Settings:
    """Return the checked settings, or end with every problem on its own line."""
    try:
        return load_settings(config)
    except ConfigError as error:
        raise _unusable(error) from None


def _unusable(error: ConfigError) -> click.ClickException:
    return click.ClickException("\n  ".join(["the configuration cannot be used:", *error.problems]))


@cli.command()
@config_option
@click.option("--host", help="Address to listen on, instead of server.host.")
@click.option(
    "--port", type=click.IntRange(0, 65535), help="Port instead of server.port; 0 takes a free one."
)
@click.option(
    "--log-level", type=click.Choice(["debug", "info", "warning", "error"]), default="info", show_default=True
)
def serve(config: Path | None, host: str | None, port: int | None, log_level: str) -> None:
    """Run the forwarder.

    SIGTERM and Ctrl-C stop it after what is under way; SIGHUP reads the configuration again without losing a
    request (host, port and spool need a restart).
    """
    from forwarder.logs import configure_logs
    from forwarder.server import serve as run

    given = {name: value for name, value in (("host", host), ("port", port)) if value is not None}

    def load() -> Settings:
        settings = load_settings(config)
        return settings.model_copy(update={"server": settings.server.model_copy(update=given)})

    configure_logs(log_level)
    try:
        run(load)
    except ConfigError as error:
        raise _unusable(error) from None
    except ForwarderError as error:
        raise click.ClickException(str(error)) from None


@cli.command()
@config_option
@click.option("--online", is_flag=True, help="Also try each destination's keys at Amplitude, and NATS.")
def check(config: Path | None, online: bool) -> None:
    """Say everything that is wrong with the configuration, all at once."""
    from forwarder.cli.checks import doubts_of, refused_keys, refused_stream

    settings = read(config)
    problems = [*refused_keys(settings), *refused_stream(settings)] if online else []
    for problem in problems:
        click.echo(problem, err=True)
    for doubt in doubts_of(settings):
        click.echo(f"warning: {doubt}", err=True)
    if problems:
        raise SystemExit(1)
    click.echo(f"fine: {len(settings.sources)} sources, {len(settings.destinations)} destinations")


@cli.command()
@config_option
@click.option("--explain", is_flag=True, help="For people: why each subscription matches or not, and more.")
@click.argument("events", type=click.File("rb"), default="-")
def plan(config: Path | None, events: BinaryIO, explain: bool) -> None:
    """Show what would be sent to Amplitude for EVENTS, without sending.

    EVENTS is a file with one event in Segment's JSON per line; left out, standard input is read. For each
    event one JSON line tells every matching subscription's requests, or why it sends nothing.

    \b
    Try a mapping on a few events:
      forwarder plan --config forwarder.toml --explain events.jsonl
    """
    from forwarder.cli.explanations import explained
    from forwarder.cli.plans import plan_line, read_events
    from forwarder.destinations import destinations_of

    try:
        destinations = destinations_of(read(config))
    except ConfigError as error:
        raise _unusable(error) from None
    if not destinations:
        raise click.ClickException("no destination is configured; add [[destinations]] to the file")
    failed = False
    for event, problem in read_events(events):
        if problem:
            failed = True
            click.echo(problem, err=True)
        elif explain:
            click.echo("\n".join(explained(event, destinations)))
        else:
            click.echo(plan_line(event, destinations))
    if failed:
        raise SystemExit(1)


def main() -> None:
    """Run the command line."""
    cli(prog_name="forwarder")
