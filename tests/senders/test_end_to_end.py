"""The payloads go to a real forwarder, and reach the stand-in for Amplitude as they should."""

import json
from collections import Counter
from pathlib import Path

from tests.senders.make import stored
from tests.senders.received import SUBSCRIPTIONS, body_of, differences, kept
from tests.senders.shapes import ADDRESS, KEY, Json
from tests.support import patient
from tests.support.amplitude import Amplitude, fake_amplitude
from tests.support.configuration import Table, configuration
from tests.support.forwarder import forwarder
from tests.support.waiting import eventually

PAYLOADS = [json.loads(line) for line in stored()]
DEPENDS = ("time",)
"""What the forwarder's own clock makes of a payload that was written for another moment."""


def configured(amplitude: Amplitude, destination: Table) -> str:
    """Return a forwarder's configuration that tells senders apart by their addresses.

    What each payload brings is expected alone; ``test_sessions.py`` has what events without a session get.
    """
    server, session = {"trusted_proxies": ["127.0.0.1"]}, {"assign": "off"}
    return configuration(
        "senders", KEY, amplitude.url, destination=destination, server=server, session=session
    )


def test_what_libraries_send_reaches_amplitude(tmp_path: Path) -> None:
    (tmp_path / "subscriptions.json").write_text(json.dumps(SUBSCRIPTIONS))
    with fake_amplitude() as amplitude:
        config = tmp_path / "forwarder.toml"
        config.write_text(configured(amplitude, {"subscriptions_file": "subscriptions.json"}))
        with forwarder(config) as running, patient.client(base_url=running.url) as client:
            for payload in PAYLOADS:
                request = payload["request"]
                headers = {**request["headers"], "x-forwarded-for": ADDRESS}
                answer = client.request(
                    request["method"], request["path"], headers=headers, content=body_of(request)
                )
                assert answer.status_code == payload["expected"]["status"], payload["id"]
            wanted = [
                item for payload in PAYLOADS for each in kept(payload) for item in each.get("items", [])
            ]
            paths = Counter(item["endpoint"] for item in wanted)
            assert eventually(lambda: Counter(one["path"] for one in amplitude.arrivals()) == paths), (
                paths - Counter(one["path"] for one in amplitude.arrivals())
            )
            arrived = amplitude.arrivals()
    assert all(one["counted"] for one in arrived)
    check(wanted, [one["item"] | {"endpoint": one["path"]} for one in arrived])


def check(wanted: list[Json], arrived: list[Json]) -> None:
    """Check each item that can be told by its insert id, and the others by what they hold."""
    by_id = {item["insert_id"]: item for item in arrived if "insert_id" in item}
    named = [item for item in wanted if item.get("insert_id", "<")[0] != "<"]
    assert len({item["insert_id"] for item in named}) == len(named) > 300
    for right in named:
        assert differences(right, by_id[right["insert_id"]], DEPENDS) == [], right["insert_id"]
        assert ("time" in by_id[right["insert_id"]]) is (right.get("time", "<absent>") != "<absent>")
    for path in ("/groupidentify", "/usermap"):
        first, second = ([item for item in items if item["endpoint"] == path] for items in (wanted, arrived))
        assert all(any(differences(right, item) == [] for item in second) for right in first)
