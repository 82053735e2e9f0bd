"""The actions that log events: logEvent, logEventV2 and logPurchase."""

from typing import cast

from forwarder.amplitude.actions.attribution import attributed
from forwarder.amplitude.actions.common import agent_fields, min_id_length, platform
from forwarder.amplitude.payload.dates import read_utc
from forwarder.amplitude.payload.validation import Payload, Values
from forwarder.amplitude.wire.endpoints import BATCH, HTTPAPI
from forwarder.amplitude.wire.items import MOST_PRODUCTS, Item
from forwarder.javascript import values as js

_OPERATORS = (("setOnce", "$setOnce"), ("setAlways", "$set"), ("add", "$add"))


def log_event(payload: Payload, message_id: str | None) -> list[Item]:
    """Return the event."""
    event = _event(payload, attributed(payload.options, own_first=True), agent_fields(payload.options))
    return [_item(payload, event, message_id)]


def log_event_v2(payload: Payload, message_id: str | None) -> list[Item]:
    """Return the event; ``setOnce``, ``setAlways`` and ``add`` become operators in its user properties."""
    options = payload.options
    user = options.get("user_properties")
    for field, operator in _OPERATORS:
        values = options.get(field)
        if values and isinstance(values, dict) and list(values.values()).count("") < len(values):
            user = {**(user if isinstance(user, dict) else {}), operator: values}
    return [_item(payload, _event(payload, user, agent_fields(options)), message_id)]


def log_purchase(payload: Payload, message_id: str | None) -> list[Item]:
    """Return the purchase, then one "Product Purchased" event per product, all for one request.

    Of products beyond ``MOST_PRODUCTS`` only one is made, for ``within_bounds`` to see that there are some.
    """
    options = payload.options
    event = _event(payload, attributed(options, own_first=True), {})
    products: list[Values] = options.get("products") or []  # type: ignore[assignment]
    per_product = bool(products) and options.get("trackRevenuePerProduct") is True
    main = {**agent_fields(options), **event}
    if not per_product:
        main.update(revenue_fields(options))
    items = [_item(payload, main, message_id)]
    insert_id = payload.sent.get("insert_id", message_id)
    for number, product in enumerate(products[: MOST_PRODUCTS + 1], start=2):
        bought = {**event, **(revenue_fields(product) if per_product else {})}
        bought |= {"event_properties": product, "event_type": "Product Purchased"}
        if insert_id is not None:
            bought["insert_id"] = f"{insert_id}-{number}"
        items.append(_item(payload, bought, message_id))
    return items


def revenue_fields(source: Values) -> Values:
    """Return the revenue fields of an event or product; none when there is no revenue."""
    quantity, price = source.get("quantity"), source.get("price")
    revenue = source.get("revenue")
    if js.is_number(quantity) and js.is_number(price):
        revenue = _product(cast("float", quantity), cast("float", price))
    if not js.truthy(revenue):
        return {}
    fields: Values = {"revenue": revenue, "revenueType": source.get("revenueType", "Purchase")}
    if js.is_number(quantity):
        fields["quantity"] = quantity
    for name in ("price", "productId"):
        if name in source:
            fields[name] = source[name]
    return fields


def _product(quantity: float, price: float) -> float:
    return js.whole(js.to_double(quantity) * js.to_double(price))


def _event(payload: Payload, user: object, event: Values) -> Values:
    """Return the event, begun with what the user agent says (or nothing)."""
    event.update(payload.sent)
    options = payload.options
    if user is not None:
        event["user_properties"] = user
    shown = platform(options)
    if shown is not None:
        event["platform"] = shown
    for name in ("time", "session_id"):
        value = options.get(name)
        if value and (milliseconds := read_utc(value)) is not None:
            event[name] = milliseconds
            if name == "session_id" and isinstance(value, str) and value.isascii() and value.isdigit():
                event[name] = js.string_to_number(value)
    library2 = options.get("library2")
    if isinstance(library2, dict) and library2.get("behavior") == "use_mapping":
        if "mapping" in library2:
            event["library"] = library2["mapping"]
    else:
        event["library"] = "segment"
    return event


def _item(payload: Payload, event: Values, message_id: str | None) -> Item:
    if "insert_id" not in event and message_id is not None:
        event["insert_id"] = message_id
    endpoint = BATCH if event.get("use_batch_endpoint") else HTTPAPI
    return Item(endpoint, event, min_id_length(payload.options))
