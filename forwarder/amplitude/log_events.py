"""The actions that log events: logEvent, logEventV2 and logPurchase."""

from collections.abc import Sequence
from typing import cast

from forwarder.amplitude.attribution import attributed
from forwarder.amplitude.common import agent_fields, min_id_length, platform
from forwarder.amplitude.dates import read_utc
from forwarder.amplitude.endpoints import Endpoint
from forwarder.amplitude.items import Item
from forwarder.amplitude.validation import Payload
from forwarder.javascript import values as js

_WORKING = (
    *("price", "quantity", "revenue", "productId", "revenueType", "time", "session_id"),
    *("userAgent", "userAgentParsing", "includeRawUserAgent", "userAgentData"),
    *("min_id_length", "library", "library2", "platform"),
)
"""Fields that say how to make the event, and are not sent under their own name."""
_ATTRIBUTION = (*_WORKING, "utm_properties", "referrer", "user_properties")
_V2 = (*_WORKING, "setOnce", "setAlways", "add", "user_properties")
_PURCHASE = (*_ATTRIBUTION, "trackRevenuePerProduct", "products")


def log_event(payload: Payload, message_id: str | None) -> list[Item]:
    """Return the event."""
    event = _event(payload, _ATTRIBUTION, attributed(payload, own_first=True), agent_fields(payload))
    return [_item(payload, event, message_id)]


def log_event_v2(payload: Payload, message_id: str | None) -> list[Item]:
    """Return the event; ``setOnce``, ``setAlways`` and ``add`` become operators in its user properties."""
    user = payload.get("user_properties")
    for field, operator in (("setOnce", "$setOnce"), ("setAlways", "$set"), ("add", "$add")):
        values = payload.get(field)
        if values and isinstance(values, dict) and list(values.values()).count("") < len(values):
            user = {**cast("Payload", user or {}), operator: values}
    event = _event(payload, _V2, user, agent_fields(payload))
    return [_item(payload, event, message_id)]


def log_purchase(payload: Payload, message_id: str | None) -> list[Item]:
    """Return the purchase, then one "Product Purchased" event per product, all for one request."""
    event = _event(payload, _PURCHASE, attributed(payload, own_first=True), {})
    products = cast("list[Payload]", payload.get("products") or [])
    per_product = bool(products) and payload.get("trackRevenuePerProduct") is True
    main = {**agent_fields(payload), **event}
    if not per_product:
        main.update(revenue_fields(payload))
    items = [_item(payload, main, message_id)]
    insert_id = payload.get("insert_id", message_id)
    for number, product in enumerate(products, start=2):
        bought = {**event, **(revenue_fields(product) if per_product else {})}
        bought |= {"event_properties": product, "event_type": "Product Purchased"}
        if insert_id is not None:
            bought["insert_id"] = f"{insert_id}-{number}"
        items.append(_item(payload, bought, message_id))
    return items


def revenue_fields(source: Payload) -> Payload:
    """Return the revenue fields of an event or product; none when there is no revenue."""
    quantity, price = source.get("quantity"), source.get("price")
    revenue = source.get("revenue")
    if js.is_number(quantity) and js.is_number(price):
        revenue = _product(cast("float", quantity), cast("float", price))
    if not js.truthy(revenue):
        return {}
    fields: Payload = {"revenue": revenue, "revenueType": source.get("revenueType", "Purchase")}
    if js.is_number(quantity):
        fields["quantity"] = quantity
    for name in ("price", "productId"):
        if name in source:
            fields[name] = source[name]
    return fields


def _product(quantity: float, price: float) -> float:
    return js.whole(js.to_double(quantity) * js.to_double(price))


def _event(payload: Payload, working: Sequence[str], user: object, event: Payload) -> Payload:
    """Return the event, begun with what the user agent says (or nothing)."""
    event.update(payload)
    for name in working:
        if name in event:
            del event[name]
    if user is not None:
        event["user_properties"] = user
    shown = platform(payload)
    if shown is not None:
        event["platform"] = shown
    for name in ("time", "session_id"):
        value = payload.get(name)
        if value and (milliseconds := read_utc(value)) is not None:
            event[name] = milliseconds
            if name == "session_id" and isinstance(value, str) and value.isascii() and value.isdigit():
                event[name] = js.string_to_number(value)
    library2 = payload.get("library2")
    if isinstance(library2, dict) and library2.get("behavior") == "use_mapping":
        if "mapping" in library2:
            event["library"] = library2["mapping"]
    else:
        event["library"] = "segment"
    return event


def _item(payload: Payload, event: Payload, message_id: str | None) -> Item:
    if "insert_id" not in event and message_id is not None:
        event["insert_id"] = message_id
    endpoint = Endpoint.BATCH if payload.get("use_batch_endpoint") else Endpoint.HTTPAPI
    return Item(endpoint, event, min_id_length(payload))
