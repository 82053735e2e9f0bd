"""``forwarder delete``: users deleted at Amplitude."""

from pathlib import Path

import click

from forwarder.cli.output import Failed, say, unusable
from forwarder.config.load import load_settings
from forwarder.errors import ConfigError
from forwarder.javascript.json import stringify


@click.command()
@click.option("--config", type=click.Path(path_type=Path), help="The forwarder's TOML file.")
@click.option("--destination", help="Only at this destination; otherwise at all of them.")
@click.option("--dry-run", is_flag=True, help="Print the requests as JSON lines, without sending.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.argument("user_ids", nargs=-1, required=True)
def delete(
    config: Path | None, destination: str | None, dry_run: bool, yes: bool, user_ids: tuple[str, ...]
) -> None:
    """Have Amplitude delete the users USER_IDS and all their data, for good.

    What a page or app sends can never do this: it takes the secret key of the configuration.
    """
    from forwarder.cli.amplitude_api import delete_users
    from forwarder.wiring import destinations_of

    try:
        chosen = destinations_of(load_settings(config))
    except ConfigError as error:
        raise unusable(error) from None
    if destination is not None:
        chosen = {name: one for name, one in chosen.items() if name == destination}
    if not chosen:
        wanted = f"called {destination!r}" if destination is not None else "configured"
        raise Failed(f"there is no destination {wanted}; see forwarder check")
    if dry_run:
        for one in chosen.values():
            for call in one.deletion(user_ids):
                say(stringify({"method": call.method, "url": call.url, "json": call.json}))
        return
    count = len(user_ids)
    if not yes:
        click.confirm(f"Delete {count} user(s) at {', '.join(chosen)} for good?", abort=True)
    failed = False
    for name, one in chosen.items():
        problem = delete_users(one, user_ids)
        failed |= problem is not None
        say(f"{name}: {problem or f'taken: {count} user(s) will be deleted'}", err=problem is not None)
    if failed:
        raise SystemExit(1)
