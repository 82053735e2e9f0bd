"""The destinations of the configuration in force, compiled once: a page of an event needs all of them."""

from __future__ import annotations

from collections.abc import Mapping

from forwarder.amplitude import AmplitudeDestination
from forwarder.config.settings import Settings
from forwarder.wiring import destinations_of


class Compiled:
    """The compiled destinations of the settings that were asked for last."""

    def __init__(self) -> None:
        self._settings: Settings | None = None
        self._destinations: Mapping[str, AmplitudeDestination] = {}

    def of(self, settings: Settings) -> Mapping[str, AmplitudeDestination]:
        """Return the destinations by name. Raises ConfigError, where a file that is named has changed."""
        if self._settings is not settings:
            self._destinations = destinations_of(settings)
            self._settings = settings
        return self._destinations
