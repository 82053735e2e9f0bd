"""50 times kill -9 under load: ``python -m tests.bench.kills [--kills N] [--seed N] [--stream]``."""

import argparse
import random
import tempfile
from pathlib import Path

from tests.support.amplitude import fake_amplitude
from tests.support.configuration import write_config
from tests.support.kills import kill_under_load, two_machines
from tests.support.nats import nats_server
from tests.support.processes import free_port


def main() -> None:
    """Run and print the tally; ends with an error where an event is lost, doubled or out of order."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--seed", type=int, default=random.randrange(10**6))
    parser.add_argument("--stream", action="store_true", help="two machines take turns over a NATS stream")
    options = parser.parse_args()
    print(f"seed {options.seed}")
    chance = random.Random(options.seed)
    with tempfile.TemporaryDirectory() as name, fake_amplitude() as fake:
        folder = Path(name)
        if not options.stream:
            config = write_config(folder, fake.url, port=free_port())
            kill_under_load([config], fake, options.kills, chance)
            return
        with nats_server() as server:
            kill_under_load(two_machines(folder, server, fake), fake, options.kills, chance)


if __name__ == "__main__":
    main()
