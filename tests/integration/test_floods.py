"""Who knows the public key floods the spool with ids: honest senders are served as ever."""

from hashlib import blake2b
from itertools import count, islice
from pathlib import Path

from tests.support.amplitude import fake_amplitude
from tests.support.configuration import write_config
from tests.support.forwarder import Running, forwarder
from tests.support.operator import all_ended, fates
from tests.support.sender import post

BATCH, BATCHES = 2_500, 12


def colliding(source: str) -> list[str]:
    """Return ids that a table by the plain hash would all keep in the same sixty-fourth."""

    def top(name: str) -> int:
        digest = blake2b(f"{source}\n{name}".encode(), digest_size=8).digest()
        return int.from_bytes(digest, "little") >> 58

    names = (f"a{number:x}" for number in count())
    return list(islice((name for name in names if top(name) == 7), BATCH * BATCHES))


def send(running: Running, names: list[str]) -> float:
    """Post a batch of small events; return how many seconds of CPU the forwarder took meanwhile."""
    batch = [{"type": "track", "event": "E", "userId": "user-1", "messageId": name} for name in names]
    since = running.cpu_s()
    status, answer = post(f"{running.url}/v1/batch", {"batch": batch})
    assert status == 200, answer
    return running.cpu_s() - since


def test_ids_that_collide_cost_no_more_than_others(tmp_path: Path) -> None:
    """Batches of both kinds take turns, so that what is delivered meanwhile is the same for both."""
    ids = colliding("shop")
    with fake_amplitude() as fake, forwarder(write_config(tmp_path, fake.url)) as running:
        chosen = ordinary = 0.0
        for at in range(0, len(ids), BATCH):
            chosen += send(running, ids[at : at + BATCH])
            ordinary += send(running, [f"honest-{number}" for number in range(at, at + BATCH)])
        again = send(running, ids[:BATCH])
        print(f"chosen {chosen:.2f} s, ordinary {ordinary:.2f} s, chosen once more {again:.2f} s")
        assert chosen < 3 * ordinary + 1
        assert again < 3 * ordinary / BATCHES + 1
        assert all_ended(running.url)
        assert fates(running.url)["accepted"] == 2 * len(ids), "the repeated ones are duplicates"
