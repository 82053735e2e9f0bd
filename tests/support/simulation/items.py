"""Items as a response is read against them."""

from forwarder.amplitude.wire.endpoints import Endpoint
from forwarder.amplitude.wire.items import Item


def sent_item(user_id: str | None = None, device_id: str | None = None) -> Item:
    """Return an item of a user and a device."""
    return Item(Endpoint.HTTPAPI, {}, user_id=user_id, device_id=device_id)
