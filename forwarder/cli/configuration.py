"""The option that names the configuration, and its checked settings."""

from pathlib import Path

import click

from forwarder.cli.output import unusable
from forwarder.config.load import load_settings
from forwarder.config.settings import Settings
from forwarder.errors import ConfigError

config_option = click.option(
    "--config",
    type=click.Path(path_type=Path),
    help="The TOML file; forwarder/example.toml shows every setting. Without it: the defaults.",
)


def read(config: Path | None) -> Settings:
    """Return the checked settings, or end with every problem on its own line."""
    try:
        return load_settings(config)
    except ConfigError as error:
        raise unusable(error) from None
