"""The command line: ``forwarder --help`` explains the commands."""

import sys
from pathlib import Path

import click

from forwarder.cli.backup import backup
from forwarder.cli.configuration import config_option, read
from forwarder.cli.dead import dead_group
from forwarder.cli.delete import delete
from forwarder.cli.events import events_group, tail
from forwarder.cli.import_events import import_events
from forwarder.cli.moving_in import import_, init, presets
from forwarder.cli.output import Failed, counted, say, unusable
from forwarder.cli.planning import plan
from forwarder.cli.replay import replay
from forwarder.cli.sessions import sessions
from forwarder.cli.suppressed import suppression_group
from forwarder.cli.verify import verify
from forwarder.config.load import load_settings
from forwarder.config.settings import Settings
from forwarder.errors import ConfigError, ForwarderError, SpoolTakenOver

SUPERSEDED = 75
"""Exit code where another forwarder has taken over the stream (EX_TEMPFAIL); 1 wants somebody to look."""


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="amplitude-session-forwarder", message="forwarder %(version)s")
def cli() -> None:
    """Take events of Segment's libraries, keep them safe, bring each to Amplitude once.

    \b
    Try it with no configuration at all:
      AMPLITUDE_API_KEY=... forwarder serve
    Then write a file (init; or import, from what Segment gave out) and have it checked:
      forwarder check --config forwarder.toml
    """
    from forwarder.logs import log_beside_output

    log_beside_output()


cli.add_command(dead_group)
cli.add_command(delete)
cli.add_command(events_group)
cli.add_command(suppression_group)
for _command in (backup, import_, import_events, init, plan, presets, replay, sessions, tail, verify):
    cli.add_command(_command)


@cli.command()
@config_option
@click.option("--host", help="Address to listen on, instead of server.host.")
@click.option(
    "--port", type=click.IntRange(0, 65535), help="Port instead of server.port; 0 takes a free one."
)
@click.option(
    "--log-level", type=click.Choice(["debug", "info", "warning", "error"]), default="info", show_default=True
)
@click.option(
    "--log-format",
    type=click.Choice(["auto", "json", "text"]),
    default="auto",
    show_default=True,
    help="auto: text on a terminal, JSON lines elsewhere.",
)
def serve(config: Path | None, host: str | None, port: int | None, log_level: str, log_format: str) -> None:
    """Run the forwarder.

    SIGTERM and Ctrl-C stop it after what is under way; SIGHUP reads the configuration again without losing a
    request (host, port and spool need a restart). It exits with 75 where another forwarder has taken over its
    stream: started again, it stands by. 1 is for what somebody has to mend.
    """
    import structlog

    from forwarder.cli.checks import doubts_of
    from forwarder.logs import configure_logs
    from forwarder.server import serve as run
    from forwarder.spool.location import is_stream_url
    from forwarder.version import running

    given = {name: value for name, value in (("host", host), ("port", port)) if value is not None}

    def load() -> Settings:
        settings = load_settings(config)
        return settings.model_copy(update={"server": settings.server.model_copy(update=given)})

    text = sys.stderr.isatty() if log_format == "auto" else log_format == "text"
    configure_logs(log_level, text=text)
    try:
        settings = load()
        structlog.get_logger().info(
            "starting",
            version=running(),
            configuration=str(config) if config else "none: the defaults",
            sources=[one.name for one in settings.sources],
            destinations=[one.name for one in settings.destinations],
            spool="stream" if is_stream_url(settings.spool.path) else settings.spool.path,
        )
        for doubt in doubts_of(settings):
            structlog.get_logger().warning("the configuration can be used, but", doubt=doubt)
        run(load)
    except ConfigError as error:
        raise unusable(error) from None
    except SpoolTakenOver as error:
        say(f"Ended: {error}; started again, this one stands by", err=True)
        raise SystemExit(SUPERSEDED) from None
    except ForwarderError as error:
        raise Failed(str(error)) from None


@cli.command()
@config_option
@click.option(
    "--online", is_flag=True, help="Also try each destination's keys at Amplitude, and NATS; sends no event."
)
@click.option(
    "--send", is_flag=True, help="Also send one test event to each destination, and follow it; with --online."
)
def check(config: Path | None, online: bool, send: bool) -> None:
    """Say everything that is wrong with the configuration, all at once.

    \b
    Before the first real event:
      forwarder check --config forwarder.toml --online --send
    """
    from forwarder.cdn.session_settings import notes_of
    from forwarder.cli.checks import doubts_of, refused_stream, start_problems
    from forwarder.cli.online import try_keys

    if send and not online:
        raise click.UsageError("--send goes with --online: it sends an event to Amplitude")

    settings = read(config)
    problems = start_problems(settings)
    if online:
        tried = try_keys(settings, send=send)
        problems += [*tried.problems, *refused_stream(settings)]
        for note in tried.notes:
            say(note)
    for note in notes_of(settings):
        say(note)
    for problem in problems:
        say(problem, err=True)
    doubts = doubts_of(settings)
    for doubt in doubts:
        say(f"warning: {doubt}", err=True)
    if problems:
        raise SystemExit(1)
    sources, destinations = len(settings.sources), len(settings.destinations)
    fine = f"fine, with {counted(len(doubts), 'warning')}" if doubts else "fine"
    say(f"{fine}: {counted(sources, 'source')}, {counted(destinations, 'destination')}")


def main() -> None:
    """Run the command line."""
    cli(prog_name="forwarder")
