"""The Amplitude destination: presets, actions, endpoints, user agents, reading answers."""

from forwarder.amplitude.destination import AmplitudeDestination
from forwarder.amplitude.wire.endpoints import Endpoint
from forwarder.amplitude.wire.items import Call, Item, Planned, Warning  # noqa: A004 - what it is called

__all__ = ["AmplitudeDestination", "Call", "Endpoint", "Item", "Planned", "Warning"]
