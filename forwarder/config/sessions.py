"""The forwarder's own part of the session settings, beside those of the page's plugin, in one table."""

from __future__ import annotations

from collections.abc import Mapping

from browser_plugin.settings import is_on, read_settings
from forwarder.sessions.facts import Assign

OWN_NAMES = ("assign", "join", "close")
"""Settings of sources and of ``[session]``."""
DEVICES = "devices"
"""A setting of ``[session]`` alone: the spool is one for all sources."""
MOST_DEVICES = 1_000_000
"""The default: 0.4 GB of memory where so many come within a day."""
_ASSIGN: tuple[Assign, ...] = ("off", "web", "all")


def page_part(given: Mapping[str, object]) -> dict[str, object]:
    """Return the settings that are the page's plugin's."""
    return {name: value for name, value in given.items() if name not in (*OWN_NAMES, DEVICES)}


def session_problems(given: Mapping[str, object], *, shared: bool) -> list[str]:
    """Return one line for each setting that cannot be used. ``shared``: those of ``[session]``."""
    found = []
    if "assign" in given and given["assign"] not in _ASSIGN:
        found.append(f'assign must be "off", "web" or "all", not {given["assign"]!r}')
    found += [
        f"{name} must be true or false, not {given[name]!r}"
        for name in ("join", "close")
        if name in given and not isinstance(given[name], (bool, str))
    ]
    if DEVICES in given:
        devices = given[DEVICES]
        if not shared:
            found.append("devices is one for all sources; set it in [session]")
        elif not isinstance(devices, int) or isinstance(devices, bool) or devices < 1:
            found.append(f"devices must be a whole number from 1 on, not {devices!r}")
    others = f", {', '.join(OWN_NAMES)}" + (f", {DEVICES}" if shared else "")
    return found + [
        problem + others if " is not a setting" in problem else problem
        for problem in read_settings(page_part(given))[1]
    ]


def assign_of(given: Mapping[str, object]) -> Assign:
    """Return whose events get a session id, of checked settings."""
    return next((one for one in _ASSIGN if one == given.get("assign")), "web")


def flag_of(given: Mapping[str, object], name: str, default: bool) -> bool:
    """Return a flag of checked settings."""
    return is_on(given.get(name, default))


def devices_of(given: Mapping[str, object]) -> int:
    """Return how many devices' sessions are kept, of checked settings."""
    devices = given.get(DEVICES, MOST_DEVICES)
    return devices if isinstance(devices, int) else MOST_DEVICES
