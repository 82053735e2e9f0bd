"""React Native's session plugin, as published: the settings document wakes it, its sessions arrive."""

import json
import subprocess
from pathlib import Path
from typing import Any

from tests.senders.shapes import KEY
from tests.support.amplitude import fake_amplitude
from tests.support.configuration import configuration
from tests.support.forwarder import forwarder
from tests.support.waiting import eventually

SCRIPT = Path(__file__).with_name("react_native.cjs")


def test_its_sessions_reach_amplitude(tmp_path: Path) -> None:
    with fake_amplitude() as amplitude:
        config = tmp_path / "forwarder.toml"
        config.write_text(configuration("senders", KEY, amplitude.url))
        with forwarder(config) as running:
            command = ["node", str(SCRIPT), running.url, KEY]
            done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
            assert done.returncode == 0, done.stderr
            sent: list[dict[str, Any]] = json.loads(done.stdout)
            assert len(sent) >= 6
            assert eventually(lambda: len(amplitude.arrivals()) == len(sent)), amplitude.arrivals()
            arrived = {one["item"]["insert_id"]: one["item"] for one in amplitude.arrivals()}
    stamps = {event["messageId"]: event["integrations"]["Actions Amplitude"]["session_id"] for event in sent}
    for event in sent:
        item = arrived[event["messageId"]]
        assert item["device_id"] == "rn-anonymous-1"
        assert item["platform"] == "iOS"
        if event["type"] != "identify":
            assert item["session_id"] == stamps[event["messageId"]]
    by_name = {
        item.get("event_type"): item["session_id"] for item in arrived.values() if "event_type" in item
    }
    first, second = by_name["Viewed Home"], by_name["Cup Bought"]
    assert 0 < first < second
    assert by_name["Cup Viewed"] == first
    assert by_name["session_end"] == first, "the end belongs to the session that ended"
    assert by_name["session_start"] in (first, second)
