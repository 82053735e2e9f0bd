"""A forwarder that is killed while events are queued delivers them when it is back."""

import signal
from pathlib import Path

from tests.support import patient
from tests.support.amplitude import fake_amplitude
from tests.support.configuration import configuration
from tests.support.forwarder import forwarder
from tests.support.waiting import eventually


def send(url: str, numbers: range) -> None:
    events = [
        {
            "type": "track",
            "event": "Seen",
            "userId": "visitor-1",
            "messageId": f"m-{n}",
            "properties": {"n": n},
        }
        for n in numbers
    ]
    answer = patient.post(f"{url}/v1/batch", auth=("demo", ""), json={"batch": events})
    assert answer.status_code == 200


def test_a_killed_forwarder_delivers_what_was_queued(tmp_path: Path) -> None:
    config = tmp_path / "forwarder.toml"
    with fake_amplitude() as amplitude:
        config.write_text(configuration("shop", "demo", amplitude.url, spool={"path": "spool.db"}))
        amplitude.misbehave({"kind": "hang", "seconds": 60})
        with forwarder(config) as running:
            send(running.url, range(300))
            assert eventually(lambda: amplitude.requests() == 1), "it is delivering, and waits for an answer"
            assert running.stop(signal.SIGKILL) == -signal.SIGKILL
        assert not amplitude.arrivals()
        with forwarder(config) as running:
            found = amplitude.wait_for("Seen", 300)
            send(running.url, range(300))
            send(running.url, range(300, 301))
            assert eventually(lambda: len(amplitude.events("Seen")) == 301)
    assert [event["event_properties"]["n"] for event in found] == list(range(300)), "in the order accepted"
