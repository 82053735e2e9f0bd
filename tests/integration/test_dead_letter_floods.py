"""Dead letters by the hundred: they have bounds of their own, and no honest sender is refused for them."""

import gzip
import json
from pathlib import Path

from tests.support import patient
from tests.support.amplitude import fake_amplitude
from tests.support.configuration import write_config
from tests.support.forwarder import forwarder
from tests.support.operator import all_ended, fates

BOUNDS = "max_bytes = 6000000\ndead_letter_max_bytes = 1000000\n"
FLOODS, EVENTS, CONTEXT = 5, 60, 30_000
"""Bodies of 9 MB in all, which is more than the queue may hold."""
HEADERS = {"content-encoding": "gzip"}


def flood(number: int) -> bytes:
    """Return a batch of events that Amplitude refuses for their user ids, each with a large context."""
    batch = [
        {"type": "track", "event": "e", "userId": "u", "messageId": f"flood-{number}-{one}"}
        for one in range(EVENTS)
    ]
    body = {"writeKey": "demo", "context": {"extra": "x" * CONTEXT}, "batch": batch}
    return gzip.compress(json.dumps(body).encode())


def test_a_flood_of_dead_letters_leaves_the_room_of_new_events(tmp_path: Path) -> None:
    with fake_amplitude() as amplitude:
        config = write_config(tmp_path, amplitude.url, spool=BOUNDS)
        with forwarder(config) as running, patient.client(base_url=running.url) as sender:
            for number in range(FLOODS):
                assert sender.post("/v1/batch", content=flood(number), headers=HEADERS).status_code == 200
                assert all_ended(running.url)
            assert fates(running.url)["dead"] == FLOODS * EVENTS
            for number in range(3):
                honest = {
                    "writeKey": "demo",
                    "userId": "user-1",
                    "event": "Honest",
                    "properties": {"n": number},
                }
                assert sender.post("/v1/track", json=honest).status_code == 200
            amplitude.wait_for("Honest", 3)
