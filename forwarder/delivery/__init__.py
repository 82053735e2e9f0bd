"""From the spool to Amplitude: batches, order, retries, outcomes."""

from forwarder.delivery.line_settings import LineSettings
from forwarder.delivery.loop import Delivery
from forwarder.delivery.sender import DestinationRoute

__all__ = ["Delivery", "DestinationRoute", "LineSettings"]
