"""The subject of the console's pages."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

from forwarder.config.settings import Settings
from forwarder.console.timeline import Timeline
from forwarder.delivery.health import DestinationHealth
from forwarder.spool import DeadLetter, Spool


class Shown(NamedTuple):
    """The subject of the pages, asked for at every request: a reload may have changed it.

    ``letter``: what is known of a dead letter, as readable JSON; ``clock``: ms since the epoch;
    ``health``: how destinations do, by name; ``settings``: in force, as read; ``timeline``: how they did.
    """

    spool: Spool
    sources: Sequence[str]
    destinations: Sequence[str]
    letter: Callable[[DeadLetter, int], bytes]
    clock: Callable[[], int]
    health: Mapping[str, DestinationHealth] = MappingProxyType({})
    settings: Settings = Settings()
    timeline: Timeline = Timeline(())
