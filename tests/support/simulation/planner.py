"""Plans the simulation's little events: ``kind`` says what Amplitude is to get."""

from collections.abc import Mapping, Sequence

from forwarder.amplitude.wire.endpoints import Endpoint
from forwarder.amplitude.wire.items import Item
from forwarder.amplitude.wire.writing import write
from forwarder.errors import ForwarderError, PayloadError

KINDS = ["track"] * 6 + [
    "identify",
    "group",
    "purchase",
    "both",
    "short",
    "batch",
    "filtered",
    "invalid",
    "poor",
]


class Planner:
    """A destination as delivery sees it. ``renamed``: under a mended mapping users have other names."""

    api_key = secret_key = "k"
    url = staticmethod(str)
    is_on = True

    def __init__(self, *, renamed: bool = False) -> None:
        self.renamed = renamed

    def items(self, event: Mapping[str, object]) -> tuple[Sequence[Item], Sequence[ForwarderError]]:
        """Return what to send, and what is wrong with the rest."""
        user = f"new-{event['u']}" if self.renamed and event["u"] else event["u"]
        ids = {"user_id": user, "device_id": event["d"], "insert_id": event["m"]}
        track = Item(Endpoint.HTTPAPI, ids)
        identify = Item(Endpoint.IDENTIFY, ids)
        group = Item(Endpoint.GROUPIDENTIFY, {**ids, "group_type": "g", "group_value": "v"}, None, True)
        kinds: dict[object, list[Item]] = {
            "track": [track],
            "identify": [identify],
            "group": [identify, group],
            "purchase": [
                track,
                *(Item(Endpoint.HTTPAPI, {**ids, "insert_id": f"{event['m']}-{n}"}) for n in (2, 3)),
            ],
            "both": [identify, track],
            "short": [Item(Endpoint.HTTPAPI, ids, 1)],
            "batch": [Item(Endpoint.BATCH, ids)],
            "filtered": [],
            "invalid": [],
            "poor": [track],
        }
        if event["kind"] == "crash":
            raise ZeroDivisionError("a fault of the planner's own")
        wrong = event["kind"] in ("invalid", "poor")
        items = kinds[event["kind"]]
        for item in items:
            write(item)
        return items, [PayloadError({"$.time": "is no time"})] if wrong else []
