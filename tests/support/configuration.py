"""The configuration of a forwarder under test, as the TOML that it reads."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

Table = Mapping[str, object]

TOKEN = "sixteen-letters-x"
FAST = {"requests_per_second": 100_000, "events_per_second": 1_000_000, "bytes_per_second": 1_000_000_000}
"""Limits that no test sender reaches."""
NONE: Table = {}
AT_AMPLITUDE = "the address that Amplitude itself has"
"""As ``amplitude``: for tests that send nothing."""


def toml(tables: Mapping[str, Table | Sequence[Table]]) -> str:
    """Return tables, and lists of tables, as TOML; a table in a table follows its other values."""
    lines: list[str] = []
    for name, given in tables.items():
        for table in [given] if isinstance(given, Mapping) else given:
            lines.append(f"[{name}]" if table is given else f"[[{name}]]")
            inner = {key: value for key, value in table.items() if isinstance(value, Mapping)}
            lines += [f"{key} = {_written(value)}" for key, value in table.items() if key not in inner]
            lines += [toml({f"{name}.{key}": value}).rstrip() for key, value in inner.items()]
    return "\n".join(lines) + "\n"


def _written(value: object) -> str:
    return json.dumps(str(value) if isinstance(value, Path) else value, ensure_ascii=False)


def configuration(
    name: str = "web",
    write_key: str = "web-key",
    amplitude: str = "",
    *,
    source: Table = NONE,
    destination: Table = NONE,
    settings: Table = NONE,
    **tables: Table,
) -> str:
    """Return a configuration of one source and, where ``amplitude`` is an address, of one destination there.

    ``amplitude``: or ``AT_AMPLITUDE``. ``source``, ``destination``, ``settings`` (the destination's): values
    beside or instead of the usual ones; ``tables``: any others, such as ``server``.
    """
    made: dict[str, Table | Sequence[Table]] = {
        **tables,
        "sources": [{"name": name, "write_key": write_key, **source}],
    }
    if amplitude:
        keys = {"apiKey": "the-api-key", **settings}
        there = {} if amplitude == AT_AMPLITUDE else {"base_url": amplitude, "linger_ms": 10}
        made["destinations"] = [{"name": "amplitude", **there, **destination, "settings": keys}]
    return toml(made)


def write_config(
    folder: Path,
    to: str | dict[str, str],
    *,
    port: int = 0,
    spool: str = "",
    more: str = "",
    stop_seconds: float = 3,
    timeout_seconds: float = 20,
) -> Path:
    """Write a configuration with one destination, or several by name; return where it lies.

    ``spool``, ``more``: lines for the spool and for each destination. ``timeout_seconds``: a later
    answer is lost, and a fault of the fake's with it; on a busy machine answers take seconds.
    """
    path = folder / "forwarder.toml"
    server = {"port": port, "operator_token": TOKEN, "stop_seconds": stop_seconds}
    text = toml({"spool": {"path": folder / "spool.db"}}) + f"{spool}\n"
    text += configuration("shop", "demo", server=server, limits=FAST)
    for name, url in (to if isinstance(to, dict) else {"fake": to}).items():
        text += destination_of(name, url, more=more, timeout_seconds=timeout_seconds)
    path.write_text(text)
    return path


def destination_of(name: str, url: str, *, more: str = "", timeout_seconds: float = 20) -> str:
    """Return a destination that delivers soon; ``more``: lines of it."""
    usual = {"name": name, "base_url": url, "linger_ms": 20}
    usual |= {"timeout_seconds": timeout_seconds, "retry_hours": 1}
    keys = {"apiKey": "key-of-the-test", "secretKey": "secret"}
    return toml({"destinations": [usual]}) + f"{more}\n" + toml({"destinations.settings": keys})
