"""Sessions that the forwarder decided stay what they were over kill -9, on one machine and on the next."""

import signal
import time
from collections import defaultdict
from pathlib import Path

import pytest

from tests.support.amplitude import fake_amplitude
from tests.support.configuration import write_config
from tests.support.forwarder import Running
from tests.support.kills import two_machines
from tests.support.nats import Nats
from tests.support.processes import free_port
from tests.support.sender import post
from tests.support.sessions import MINUTE, PAGE, SERVER, iso
from tests.support.waiting import eventually

KILLS = 3
LATE = 3 * (KILLS + 1)
"""Events of a device whose late events come in requests of their own."""
GAPS = {"stays": 20, "comes back": 40}
"""Minutes between the events of each device."""


@pytest.mark.parametrize("kind", ["file", "stream"])
def test_no_kill_changes_a_session(kind: str, tmp_path: Path, nats: Nats) -> None:
    began = time.time_ns() // 1_000_000 // MINUTE * MINUTE - 300 * MINUTE
    wanted: dict[str, int] = {}
    with fake_amplitude() as fake:
        machines = (
            two_machines(tmp_path, nats, fake)
            if kind == "stream"
            else [write_config(tmp_path, fake.url, port=free_port())]
        )
        running = Running(machines[0])
        try:
            for step in range(KILLS + 1):
                events = []
                for device, gap in GAPS.items():
                    # The second of each two is sent first.
                    for number in (2 * step + 1, 2 * step):
                        name = f"{device} {number}"
                        first = 0 if gap < 30 else number
                        wanted[name] = wanted[f"{name} server"] = began + first * gap * MINUTE
                        when = began + number * gap * MINUTE
                        common = {"type": "track", "event": "Clicked", "userId": f"user {device}"}
                        page = {"anonymousId": device, "context": PAGE, "timestamp": iso(when)}
                        late = {"context": SERVER, "timestamp": iso(when + MINUTE)}
                        events.append({**common, **page, "messageId": name})
                        events.append({**common, **late, "messageId": f"{name} server"})
                fake.misbehave({"kind": "hang", "seconds": 1})
                for attempt in range(2):  # a repetition is no second event
                    assert post(f"{running.url}/v1/batch", {"batch": events})[0] == 200, attempt
                for number in (2, 0, 1):  # what these change depends on what was sent by then
                    at = iso(began + (3 * step + number) * 20 * MINUTE)
                    page = {"anonymousId": "latecomer", "context": PAGE, "timestamp": at}
                    alone = {
                        "type": "track",
                        "event": "Clicked",
                        "messageId": f"late {step} {number}",
                        **page,
                    }
                    assert post(f"{running.url}/v1/batch", {"batch": [alone]})[0] == 200
                if step < KILLS:
                    running.stop(signal.SIGKILL)
                    running = Running(machines[(step + 1) % len(machines)])
            assert eventually(
                lambda: len({one["item"]["insert_id"] for one in fake.arrivals()}) == len(wanted) + LATE
            )
            assert eventually(lambda: sum(one["counted"] for one in fake.arrivals()) == len(wanted) + LATE)
            arrived: dict[str, set[int]] = defaultdict(set)
            for one in fake.arrivals():
                arrived[one["item"]["insert_id"]].add(one["item"]["session_id"])
        finally:
            running.stop()
    latecomers = {name: arrived.pop(name) for name in list(arrived) if name.startswith("late")}
    assert [len(ids) for ids in latecomers.values()] == [1] * LATE
    assert arrived == {name: {session_id} for name, session_id in wanted.items()}


def test_a_session_that_nobody_continued_is_closed_and_the_pages_own_end_counts_once(tmp_path: Path) -> None:
    began = time.time_ns() // 1_000_000
    with fake_amplitude() as fake:
        config = write_config(tmp_path, fake.url)
        config.write_text(config.read_text() + "[session]\nclose = true\nsessionLength = 1500\n")
        running = Running(config)
        try:
            common = {"type": "track", "anonymousId": "anon-1", "context": PAGE}
            stamp = {"Actions Amplitude": {"session_id": began}}
            first = {**common, "event": "Clicked", "messageId": "one", "timestamp": iso(began)}
            last = {**first, "messageId": "two", "timestamp": iso(began + 400)}
            events = [{**one, "integrations": stamp} for one in (first, last)]
            assert post(f"{running.url}/v1/batch", {"batch": events})[0] == 200
            [end] = fake.wait_for("Session Ended")
            own = {**common, "event": "Session Ended", "messageId": f"session-ended-{began}-anon-1"}
            own |= {"properties": {"duration": 400}, "timestamp": iso(began + 400), "integrations": stamp}
            assert post(f"{running.url}/v1/batch", {"batch": [own, {**common, "event": "Next"}]})[0] == 200
            [after] = fake.wait_for("Next")
        finally:
            running.stop()
        assert len(fake.events("Session Ended")) == 1
    assert (end["session_id"], end["time"], end["insert_id"]) == (began, began + 400, own["messageId"])
    assert end["event_properties"] == {"duration": 400}
    assert after["session_id"] > began + 400
