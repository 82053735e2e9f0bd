"""From the spool to Amplitude: batches, order, retries, outcomes."""

from forwarder.delivery.scheduler.settings import SchedulerSettings
from forwarder.delivery.service import DeliveryService
from forwarder.delivery.worker import DestinationRoute

__all__ = ["DeliveryService", "DestinationRoute", "SchedulerSettings"]
