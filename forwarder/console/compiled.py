"""The destinations of the configuration in force, compiled once: a page of an event needs all of them."""

from __future__ import annotations

from collections.abc import Mapping

from forwarder.amplitude import AmplitudeDestination
from forwarder.config.settings import Settings
from forwarder.wiring import destinations_of


class Compiled:
    """The compiled destinations of the settings that were asked for last."""

    def __init__(self) -> None:
        self._compiled: tuple[Settings, Mapping[str, AmplitudeDestination]] | None = None

    def of(self, settings: Settings) -> Mapping[str, AmplitudeDestination]:
        """Return the destinations by name. Raises ConfigError, where a file that is named has changed.

        Any thread may ask: at worst two compile the same, for 40 ms.
        """
        compiled = self._compiled
        if compiled is None or compiled[0] is not settings:
            compiled = self._compiled = (settings, destinations_of(settings))
        return compiled[1]
