"""A deleted user's events: whether they wait, are parked or dead, none arrives any more; all others do."""

import signal
from contextlib import closing
from pathlib import Path

import pytest

from forwarder.spool.sqlite import stored_events
from forwarder.spool.sqlite.schema import open_database
from tests.support.amplitude import Amplitude, fake_amplitude
from tests.support.configuration import write_config
from tests.support.forwarder import Running, forwarder
from tests.support.nats import Nats
from tests.support.operator import all_ended, command, dead, dead_names, metrics
from tests.support.sender import post
from tests.support.spools import somewhere
from tests.support.waiting import eventually

GONE, SECRET = "user-who-goes", "what-nobody-may-read"


def delete(config: Path, *words: str, given: str = "") -> str:
    """Run ``forwarder delete`` and return what it prints."""
    return command("delete", "--config", str(config), "--yes", *words, given=given)


def send(running: Running, name: str, *users: str) -> None:
    """Post one event of each user in one batch, taken or not at all."""
    batch = [
        {
            "type": "track",
            "event": name,
            "userId": user,
            "messageId": f"{name}-{user}",
            "properties": {"text": f"{SECRET} {name}" if user == GONE else "ordinary"},
        }
        for user in users
    ]
    assert post(f"{running.url}/v1/batch", {"batch": batch})[0] == 200


def arrived(fake: Amplitude) -> dict[str, int]:
    """Return how often each event arrived and counted, by its message id."""
    found: dict[str, int] = {}
    for one in fake.arrivals():
        if one["counted"] and "insert_id" in one["item"]:
            found[one["item"]["insert_id"]] = found.get(one["item"]["insert_id"], 0) + 1
    return found


@pytest.mark.parametrize("kind", ["file", "stream"])
def test_nothing_of_a_deleted_user_arrives_any_more(tmp_path: Path, nats: Nats, kind: str) -> None:
    with fake_amplitude() as fake, fake_amplitude() as later:
        config = write_config(tmp_path, fake.url)
        if kind == "stream":
            place = somewhere(nats, tmp_path).place
            config.write_text(
                config.read_text().replace(
                    f'path = "{tmp_path}/spool.db"', f'path = "{place}"\ncopy_path = "{tmp_path}/spool.db"'
                )
            )
        with forwarder(config) as running:
            fake.misbehave({"kind": "bad", "indexes": [0, 1]})
            send(running, "dead", GONE, "other-1", "other-2")
            assert eventually(lambda: metrics(running.url)["forwarder_spool_dead", "fake"] == 2)
            assert sorted(dead_names(config)) == ["dead-other-1", f"dead-{GONE}"]
            fake.misbehave({"kind": "throttle", "users": [GONE, "other-1"]})
            send(running, "parked", GONE, "other-1", "other-2")
            assert eventually(lambda: metrics(running.url)["forwarder_spool_parked", "fake"] == 2)
            running.stop(signal.SIGKILL)
        fake.misbehave({"kind": "hang", "times": 1_000})
        with forwarder(config) as running:
            send(running, "waiting", GONE, "other-1", "other-2")
            said = delete(config, "--suppress", "--from", "-", given=f"{GONE}\n\n")
            assert "removed" in said
            assert "fake: taken: 1 user will" in said
            running.stop(signal.SIGKILL)
        config.write_text(config.read_text().replace(fake.url, later.url))
        with forwarder(config) as running:
            send(running, "later", GONE, "other-3")
            assert dead_names(config) == ["dead-other-1"]
            dead(config, "retry", "--all")
            assert all_ended(running.url)
            found = arrived(fake) | arrived(later)
            others = {"dead-other-1", "dead-other-2", "later-other-3"}
            others |= {f"{name}-{user}" for name in ("parked", "waiting") for user in ("other-1", "other-2")}
            assert found == dict.fromkeys(others, 1)
            assert not any(GONE in str(one) for one in later.arrivals())
            shown = metrics(running.url)
            assert shown["forwarder_delivery_events_total", "fake", "filtered", "user deleted"] == 3
            lifted = command("suppression", "lift", "--config", str(config), GONE)
            assert lifted == "lifted the suppression of 1 user\n"
            send(running, "back", GONE)
            assert eventually(lambda: f"back-{GONE}" in arrived(later))
        if kind == "file":
            content = b"".join(file.read_bytes() for file in tmp_path.glob("spool.db*"))
            with closing(open_database(tmp_path / "spool.db")) as database:
                content += b"".join(row[4] for row in stored_events.some(database, 0, 99))
            names = ("dead", "parked", "waiting", "later", "back")
            kept = [name for name in names if f"{SECRET} {name}".encode() in content]
            assert kept == ["later", "back"], "but what came since, which history keeps for its hours"
