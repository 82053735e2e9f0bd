"""The configuration that imported mappings become: ``forwarder.toml`` and ``subscriptions.json``."""

import json
from collections.abc import Mapping, Sequence
from typing import Final

from browser_plugin.settings import is_on
from forwarder.amplitude.actions.presets import SESSION_ACTION
from forwarder.amplitude.subscriptions import Definition

_SESSION: Final = {
    "sessionLength": "sessionLength",
    "triggerSessionEvents": "sessionEvents",
    "sessionStartEvent": "startedName",
    "sessionEndEvent": "endedName",
}
"""Field of the Browser Session Tracking mapping to the plugin's setting."""
_TOML: Final = """\
# Made by `forwarder import`; `forwarder check --config forwarder.toml` looks it through, and
# `forwarder plan --config forwarder.toml --explain events.jsonl` shows what it does to events.
# Every other setting with its default: `forwarder init` writes them all.

[server]
public_url = ""             # how pages reach this forwarder, as "https://events.example.com"
operator_token = ""         # opens /metrics and /console, 16 characters or more
{session}
[[sources]]
name = "site"
write_key = "{write_key}"   # what stands in the pages' snippet; not secret

[[destinations]]
name = "amplitude"
subscriptions_file = "subscriptions.json"
[destinations.settings]
apiKey = "${{AMPLITUDE_API_KEY}}"
secretKey = "${{AMPLITUDE_SECRET_KEY:-}}"
endpoint = "north_america"  # or "europe"
"""


def configuration_of(definitions: Sequence[Definition], write_key: str = "demo") -> dict[str, str]:
    """Return the files to write, by name."""
    session = session_settings(definitions)
    table = "".join(f"{name} = {json.dumps(value)}\n" for name, value in session.items())
    return {
        "forwarder.toml": _TOML.format(session=f"\n[session]\n{table}" if table else "", write_key=write_key),
        "subscriptions.json": json.dumps([subscription_of(one) for one in definitions], indent=2) + "\n",
    }


def subscription_of(one: Definition) -> dict[str, object]:
    """Return a subscription in the form of Segment's own code, which the forwarder takes."""
    written: dict[str, object] = {"id": one.id} if one.id else {}
    return written | {
        "name": one.name,
        "enabled": not one.off,
        "subscribe": one.trigger,
        "partnerAction": one.action,
        "mapping": one.mapping if isinstance(one.mapping, Mapping) else {},
    }


def session_settings(definitions: Sequence[Definition]) -> dict[str, object]:
    """Return the session plugin's settings that a Browser Session Tracking mapping holds as plain values."""
    found: dict[str, object] = {}
    for one in definitions:
        if one.action != SESSION_ACTION or one.off or not isinstance(one.mapping, Mapping):
            continue
        for name, setting in _SESSION.items():
            value = one.mapping.get(name)
            if value is None or isinstance(value, dict | list):
                continue
            if setting == "sessionEvents":
                value = is_on(value)
            elif setting == "sessionLength" and isinstance(value, str):
                value = int(value) if value.isdecimal() else None
            if value is not None:
                found[setting] = value
    return found
