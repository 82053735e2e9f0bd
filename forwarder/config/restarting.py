"""The settings that belong to a process: reading the configuration again does not change them."""

from forwarder.config.settings import Settings

FOR_THE_PROCESS = (
    *("server.host", "server.port", "server.trusted_proxies", "spool", "history"),
    *("limits.request_seconds", "limits.idle_seconds", "limits.header_bytes"),
    *("limits.connections", "limits.unanswered_bytes"),
)


def needing_restart(settings: Settings, at_start: Settings) -> list[str]:
    """Return the names of the settings that differ from those at the start and take effect at the next."""
    return [name for name in FOR_THE_PROCESS if _at(settings, name) != _at(at_start, name)]


def _at(settings: Settings, name: str) -> object:
    value: object = settings
    for part in name.split("."):
        value = getattr(value, part)
    return value
