"""What an event says to the destination, under whichever of its two names."""

from collections.abc import Mapping
from typing import Any

from browser_plugin.destinations import NAMES


def with_both_names(integrations: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return ``integrations`` with the destination's options, if there are any, under both names.

    Where both have options, those under the stamped name count.
    """
    options: dict[str, Any] = {}
    for name in reversed(NAMES):
        given = integrations.get(name)
        if isinstance(given, Mapping):
            options.update(given)
    return {**integrations, **dict.fromkeys(NAMES, options)} if options else integrations
