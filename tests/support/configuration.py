"""The configuration of a forwarder under test: one source, and destinations by name."""

from pathlib import Path

TOKEN = "sixteen-letters-x"
CONFIG = """
[server]
port = {port}
operator_token = "{token}"
stop_seconds = {stop_seconds}
[spool]
path = "{folder}/spool.db"
{spool}
[limits]
requests_per_second = 100000
events_per_second = 1000000
bytes_per_second = 1000000000
[[sources]]
name = "shop"
write_key = "demo"
"""
DESTINATION = """
[[destinations]]
name = "{name}"
base_url = "{url}"
linger_ms = 20
timeout_seconds = {timeout_seconds}
retry_hours = 1
{more}
[destinations.settings]
apiKey = "key-of-the-test"
secretKey = "secret"
"""


def write_config(
    folder: Path,
    to: str | dict[str, str],
    *,
    port: int = 0,
    spool: str = "",
    more: str = "",
    stop_seconds: float = 3,
    timeout_seconds: float = 1.5,
) -> Path:
    """Write a configuration with one destination, or several by name; return where it lies.

    ``spool``, ``more``: lines for the spool and for each destination.
    """
    path = folder / "forwarder.toml"
    text = CONFIG.format(folder=folder, port=port, token=TOKEN, spool=spool, stop_seconds=stop_seconds)
    for name, url in (to if isinstance(to, dict) else {"fake": to}).items():
        text += DESTINATION.format(name=name, url=url, more=more, timeout_seconds=timeout_seconds)
    path.write_text(text)
    return path
