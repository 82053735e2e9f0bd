"""From the spool to Amplitude: batches, order, retries, outcomes."""

from forwarder.delivery.route import DestinationRoute
from forwarder.delivery.scheduler.settings import SchedulerSettings
from forwarder.delivery.service import DeliveryService

__all__ = ["DeliveryService", "DestinationRoute", "SchedulerSettings"]
