"""Whatever Amplitude does: accepted = delivered + dead, each counted once, in order per user.

Real processes: the forwarder, a sender, and an Amplitude that misbehaves on demand. Run with ``-s`` to see
the tallies.
"""

import json
from pathlib import Path
from typing import Any

from tests.support.amplitude import fake_amplitude
from tests.support.configuration import write_config
from tests.support.forwarder import forwarder
from tests.support.operator import all_ended, dead, dead_names, fates
from tests.support.sender import Sender, tally
from tests.support.waiting import eventually

FAULTS: list[dict[str, Any]] = [
    {"kind": "throttle"},
    {"kind": "unavailable"},
    {"kind": "taken and failed", "status": 500},
    {"kind": "bad"},
    {"kind": "too large", "times": 2},
    {"kind": "taken and failed", "status": 502},
    {"kind": "reset"},
    {"kind": "taken and reset"},
    {"kind": "silenced"},
    {"kind": "hang", "seconds": 60},
    {"kind": "forbidden"},
    {"kind": "slow", "seconds": 0.3},
    {"kind": "other", "status": 200},
    {"kind": "other", "status": 200, "text": ""},
    {"kind": "other", "status": 302},
    {"kind": "other", "status": 400},
    {"kind": "taken and failed", "status": 504},
]


HASTY = """
from forwarder.amplitude.wire import responses
assert responses.HOLD_OTHER_MS == 30_000
responses.HOLD_OTHER_MS = 5_000
from forwarder.cli import main
main()
"""
"""A forwarder that holds whom Amplitude throttles for 5 s, not for the 30 s that Amplitude asks for."""


def test_every_documented_fault_in_turn(tmp_path: Path) -> None:
    """The throttled user waits while the other faults come."""
    shop = Sender()
    with fake_amplitude() as fake:
        config = write_config(tmp_path, fake.url, timeout_seconds=4)
        with forwarder(config, program=("-c", HASTY)) as running:
            fake.misbehave(*FAULTS)
            while fake.faults():
                requests = fake.requests()
                shop.send_until_taken(running.url, shop.events(40))
                assert eventually(lambda: fake.requests() > requests)  # noqa: B023
            assert all_ended(running.url)
            letters = [line.split("\t") for line in dead(config, "list").splitlines()]
            tally(shop, fake, [letter[4] for letter in letters])
            silenced = {int(letter[4][8:]) % shop.users for letter in letters if letter[-1] == "silenced"}
            assert len(silenced) == 1, "one device, with whatever one request held of it"
            assert [letter[-1] for letter in letters if letter[-1] != "silenced"] == ["invalid time"]
            dead(config, "retry", "--all")
            assert all_ended(running.url)
            tally(shop, fake)
            assert dead_names(config) == []
            count = len(shop.accepted)
            found = fates(running.url)
            assert (found["accepted"], found["delivered"], found["dead"], found["revived"]) == (
                count,
                count,
                len(letters),
                len(letters),
            )


def test_a_refused_key_keeps_everything_until_it_is_mended(tmp_path: Path) -> None:
    shop = Sender()
    with fake_amplitude() as fake:
        config = write_config(tmp_path, fake.url)
        with forwarder(config) as running:
            fake.misbehave({"kind": "invalid key"})
            shop.send_until_taken(running.url, shop.events(100))
            line = running.wait_for("destination is stopped")
            assert "key-of-the-test" not in str(line)
            shop.send_until_taken(running.url, shop.events(100))
            assert fates(running.url)["waiting"] == 200
            running.hang_up()
            tally(shop, fake)
            assert dead_names(config) == []


def test_an_address_that_does_not_exist_costs_nothing_but_time(tmp_path: Path) -> None:
    shop = Sender()
    with fake_amplitude() as fake:
        config = write_config(tmp_path, "http://nowhere.invalid")
        with forwarder(config) as running:
            shop.send_until_taken(running.url, shop.events(200))
            running.wait_for("not all was taken")
            write_config(tmp_path, fake.url)
            running.hang_up()
            tally(shop, fake)


def test_amplitude_goes_away_and_comes_back(tmp_path: Path) -> None:
    shop = Sender()
    with fake_amplitude() as first:
        port = int(first.url.rpartition(":")[2])
        config = write_config(tmp_path, first.url, timeout_seconds=30)
    with forwarder(config) as running:
        shop.send_until_taken(running.url, shop.events(200))
        running.wait_for("not all was taken")
        with fake_amplitude(port=port) as second:
            assert not tally(shop, second).repeats


def test_a_destination_that_hangs_holds_up_no_other(tmp_path: Path) -> None:
    shop = Sender()
    with fake_amplitude() as good, fake_amplitude() as bad:
        config = write_config(tmp_path, {"good": good.url, "bad": bad.url})
        bad.misbehave({"kind": "hang", "seconds": 60, "times": 1000})
        with forwarder(config) as running:
            for _ in range(20):
                shop.send_until_taken(running.url, shop.events(50))
            tally(shop, good)
            assert eventually(lambda: fates(running.url, "good")["delivered"] == 1000)
            assert fates(running.url, "bad")["waiting"] == 1000
            assert not bad.arrivals()


def subscriptions(time: object) -> str:
    """Return one subscription, in which the event's time may be mapped wrongly."""
    paths = {"user_id": "userId", "insert_id": "messageId", "event_type": "event"}
    mapping = {field: {"@path": f"$.{path}"} for field, path in paths.items()}
    mapping |= {"event_properties": {"@path": "$.properties"}, "time": time}  # type: ignore[dict-item]
    subscription = {"subscribe": 'type = "track"', "partnerAction": "logEventV2", "mapping": mapping}
    return json.dumps([{"name": "all", "enabled": True, **subscription}])


def test_a_mended_mapping_and_dead_letters_sent_again(tmp_path: Path) -> None:
    """They keep their insert ids; whoever is not concerned does not wait."""
    shop, file = Sender(), tmp_path / "subscriptions.json"
    with fake_amplitude() as fake:
        file.write_text(subscriptions({"@path": "$.properties.when"}))
        config = write_config(tmp_path, fake.url, more='subscriptions_file = "subscriptions.json"')
        with forwarder(config) as running:
            events = shop.events(20)
            events[7]["properties"] = {"n": 7, "when": {"is": "no time"}}
            shop.send_until_taken(running.url, events)
            assert all_ended(running.url)
            assert fates(running.url)["delivered"] == 19
            assert dead_names(config) == ["message-00000007"]
            file.write_text(subscriptions({"@path": "$.timestamp"}))
            running.hang_up()
            running.wait_for("configuration reloaded")
            assert "sent again: 1" in dead(config, "retry", "--reason", "invalid fields")
            assert eventually(lambda: fates(running.url)["delivered"] == 20)
            ids = [event["insert_id"] for event in fake.events("Clicked")]
            assert sorted(ids) == sorted(shop.accepted)
            assert ids[-1] == "message-00000007"
