"""Every field of the six actions: type, whether null is kept, and what it is mapped from by default."""

from collections.abc import Mapping
from copy import deepcopy
from typing import Final

from forwarder.amplitude.payload.field import Field, Kind


def path(text: str) -> dict[str, object]:
    """Return the directive that looks up a path."""
    return {"@path": text}


def first_of(text: str, otherwise: str) -> dict[str, object]:
    """Return the directive that takes the first path unless it is missing or null."""
    return {"@if": {"exists": path(text), "then": path(text), "else": path(otherwise)}}


def _text(default: object = None) -> Field:
    return Field(Kind.STRING, path(default) if isinstance(default, str) else default)


def _number(default: str) -> Field:
    return Field(Kind.NUMBER, path(default))


def _object(default: str | None = None) -> Field:
    return Field(Kind.OBJECT, path(default) if default else None)


def _flag(default: bool | None = None) -> Field:
    return Field(Kind.BOOLEAN, default)


def _texts(sources: Mapping[str, str], *, is_open: bool) -> Field:
    """Return an object field of text properties, each mapped from its path."""
    properties = {name: _text(source) for name, source in sources.items()}
    default = {name: each.default for name, each in properties.items()}
    return Field(Kind.OBJECT, default, properties=properties, open=is_open)


_CAMPAIGN = {
    f"utm_{name}": f"$.context.campaign.{source}"
    for name, source in (
        ("source", "source"),
        ("medium", "medium"),
        ("campaign", "name"),
        ("term", "term"),
        ("content", "content"),
    )
}
_REFERRER = "$.context.page.referrer"
_ADVERTISING_ID = first_of("$.context.device.advertisingId", "$.context.device.idfa")

USER: Final[dict[str, Field]] = {
    "user_id": Field(Kind.STRING, path("$.userId"), nullable=True),
    "device_id": _text(first_of("$.context.device.id", "$.anonymousId")),
}
MIN_ID_LENGTH: Final[dict[str, Field]] = {"min_id_length": Field(Kind.INTEGER, nullable=True)}

DEVICE: Final[dict[str, Field]] = {
    "app_version": _text("$.context.app.version"),
    "platform": _text("$.context.device.type"),
    "os_name": _text("$.context.os.name"),
    "os_version": _text("$.context.os.version"),
    "device_brand": _text("$.context.device.brand"),
    "device_manufacturer": _text("$.context.device.manufacturer"),
    "device_model": _text("$.context.device.model"),
    "carrier": _text("$.context.network.carrier"),
    "country": _text("$.context.location.country"),
    "region": _text("$.context.location.region"),
    "city": _text("$.context.location.city"),
    "dma": _text(),
    "language": _text("$.context.locale"),
}

REVENUE: Final[dict[str, Field]] = {
    "price": _number("$.properties.price"),
    "quantity": Field(Kind.INTEGER, path("$.properties.quantity")),
    "revenue": _number("$.properties.revenue"),
    "productId": _text("$.properties.productId"),
    "revenueType": _text("$.properties.revenueType"),
}

_PRODUCT_NAMES = ("price", "revenue", "quantity", "productId", "revenueType")
PRODUCTS: Final = Field(
    Kind.OBJECT,
    {"@arrayPath": ["$.properties.products", {name: path(name) for name in _PRODUCT_NAMES}]},
    properties=REVENUE,
    multiple=True,
)

AGENT: Final[dict[str, Field]] = {
    "userAgent": _text("$.context.userAgent"),
    "userAgentParsing": _flag(True),
    "includeRawUserAgent": _flag(False),
    "userAgentData": _texts(
        {name: f"$.context.userAgentData.{name}" for name in ("model", "platformVersion")}, is_open=False
    ),
}

LIBRARY: Final = _text("$.context.library.name")
LIBRARY2: Final = Field(
    Kind.OBJECT,
    {"behavior": "use_mapping", "mapping": LIBRARY.default},
    properties={"behavior": Field(Kind.STRING, choices=("auto", "use_mapping")), "mapping": _text()},
    open=False,
)

EVENT: Final[dict[str, Field]] = {
    **USER,
    "event_type": Field(Kind.STRING, path("$.event"), required=True),
    "session_id": Field(Kind.DATETIME, path("$.integrations.Actions Amplitude.session_id")),
    "time": Field(Kind.DATETIME, path("$.timestamp")),
    "event_properties": _object("$.properties"),
    "user_properties": _object("$.traits"),
    "groups": _object(),
    **DEVICE,
    **REVENUE,
    "location_lat": _number("$.context.location.latitude"),
    "location_lng": _number("$.context.location.longitude"),
    "ip": _text("$.context.ip"),
    "idfa": _text(_ADVERTISING_ID),
    "idfv": _text("$.context.device.id"),
    "adid": _text(_ADVERTISING_ID),
    "android_id": _text(),
    "event_id": Field(Kind.INTEGER),
    "insert_id": _text(),
    "library": LIBRARY,
    "library2": LIBRARY2,
    "products": PRODUCTS,
    "use_batch_endpoint": _flag(False),
    **AGENT,
    **MIN_ID_LENGTH,
}
"""What the three log actions share."""

ATTRIBUTION: Final[dict[str, Field]] = {
    "utm_properties": _texts(_CAMPAIGN, is_open=False),
    "referrer": _text(_REFERRER),
}

ACTIONS: Final[dict[str, dict[str, Field]]] = {
    "logEvent": EVENT | ATTRIBUTION,
    "logEventV2": EVENT
    | {
        "setOnce": _texts(
            {
                "initial_referrer": _REFERRER,
                **{f"initial_{name}": source for name, source in _CAMPAIGN.items()},
            },
            is_open=True,
        ),
        "setAlways": _texts({"referrer": _REFERRER, **_CAMPAIGN}, is_open=True),
        "add": _object(),
    },
    "logPurchase": {"trackRevenuePerProduct": _flag(False)} | EVENT | ATTRIBUTION,
    "identifyUser": {
        **USER,
        "user_properties": _object("$.traits"),
        "groups": _object(),
        **DEVICE,
        "paying": _flag(),
        "start_version": _text(),
        "insert_id": _text(),
        **AGENT,
        **ATTRIBUTION,
        **MIN_ID_LENGTH,
        "library": LIBRARY,
    },
    "groupIdentifyUser": {
        **USER,
        "insert_id": _text(),
        "time": _text("$.timestamp"),
        "group_properties": _object("$.traits"),
        "group_type": Field(Kind.STRING, required=True),
        "group_value": Field(Kind.STRING, required=True),
        **MIN_ID_LENGTH,
    },
    "mapUser": {"user_id": _text("$.previousId"), "global_user_id": _text("$.userId"), **MIN_ID_LENGTH},
}
"""The six actions by name, each with its fields by name."""

_MAKING: Final = frozenset(
    (
        *REVENUE,
        *AGENT,
        *("time", "session_id", "min_id_length", "library", "library2", "platform", "user_properties"),
    )
)
OPTION_FIELDS: Final[dict[str, frozenset[str]]] = {
    "logEvent": _MAKING | ATTRIBUTION.keys(),
    "logEventV2": _MAKING | {"setOnce", "setAlways", "add"},
    "logPurchase": _MAKING | ATTRIBUTION.keys() | {"trackRevenuePerProduct", "products"},
    "identifyUser": frozenset(
        (*AGENT, *ATTRIBUTION, "user_properties", "min_id_length", "library", "platform")
    ),
}
"""Fields of actions that say how to make what is sent, and are not sent under their own name."""


def default_mapping(action: str) -> dict[str, object]:
    """Return the mapping the action starts with, newly made. Raises KeyError for an unknown action."""
    fields = ACTIONS[action].items()
    return deepcopy({name: each.default for name, each in fields if each.default is not None})
