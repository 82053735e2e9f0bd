"""The configured destinations, compiled."""

from prometheus_client import REGISTRY

from forwarder.config.settings import AmplitudeKeys, Destination, Settings
from forwarder.wiring import destinations_of


def test_warnings_are_counted() -> None:
    keys = AmplitudeKeys.model_validate({"apiKey": "key"})
    settings = Settings(destinations=(Destination(name="counted", settings=keys),))
    items, errors = destinations_of(settings)["counted"].items({"type": "identify", "userId": "u1"})
    assert len(items) == 1
    assert not errors
    for kind, count in (("short_id", 1), ("no_id", 1), ("odd_time", None)):
        labels = {"destination": "counted", "kind": kind}
        assert REGISTRY.get_sample_value("forwarder_delivery_warnings_total", labels) == count
