"""What a Browser Session Tracking mapping says: settings of the plugin that the forwarder brings to pages."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from browser_plugin.settings import TABLE, Setting, check
from forwarder.amplitude.actions.presets import SESSION_ACTION
from forwarder.amplitude.subscriptions import read_definition

_SETTINGS: Final[Mapping[str, Setting]] = {setting.segment: setting for setting in TABLE if setting.segment}
"""The plugin's settings by the names that Segment's action has for them."""
_LITERAL: Final = "@literal"
_OWN_KEYS: Final = "__segment_internal"


@dataclass(frozen=True, slots=True)
class SessionMapping:
    """The mapping of one subscription. ``place``: the subscription, as problems name it.

    ``settings``: usable values by their names on pages; ``doubts``: one line for each one that is not.
    """

    place: str
    settings: dict[str, object] = field(default_factory=dict)
    doubts: list[str] = field(default_factory=list)


def session_mappings(subscriptions: Sequence[Mapping[str, object]] | None) -> Iterator[SessionMapping]:
    """Yield what the subscriptions of the session action say that are run; the presets (None) say nothing."""
    for number, given in enumerate(subscriptions or ()):
        definition = read_definition(given)
        if definition.action != SESSION_ACTION or definition.off or not isinstance(definition.mapping, dict):
            continue
        name = f" {definition.name[:60]!r}" if definition.name else ""
        found = SessionMapping(f"subscriptions[{number}]{name}")
        for field_name, node in definition.mapping.items():
            _read(found, str(field_name), node)
        yield found


def _read(found: SessionMapping, name: str, node: object) -> None:
    """Add one field of a mapping to what was found; null and the empty text mean that it is not set."""
    place = f"{found.place}: mapping.{name}"
    setting = _SETTINGS.get(name)
    if isinstance(node, dict) and _LITERAL in node:
        node = node[_LITERAL]
    if name.startswith(_OWN_KEYS) or node is None or node == "":
        return
    if setting is None:
        found.doubts.append(f"{place}: there is no such field, so it is ignored; use {', '.join(_SETTINGS)}")
    elif isinstance(node, dict):
        found.doubts.append(
            f"{place}: depends on the event, which pages cannot look up, so it is ignored; give the value"
        )
    else:
        value, problem = check(setting, node)
        if problem:
            found.doubts.append(f"{place}: {problem}, so it is ignored")
        else:
            found.settings[setting.page] = value
