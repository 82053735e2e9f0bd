"""50 times kill -9 under load: ``python -m tests.bench.kills [--kills N] [--seed N]``."""

import argparse
import random
import tempfile
from pathlib import Path

from tests.integration.test_ends import kill_under_load


def main() -> None:
    """Run and print the tally; ends with an error where an event is lost, doubled or out of order."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--seed", type=int, default=random.randrange(10**6))
    options = parser.parse_args()
    print(f"seed {options.seed}")
    with tempfile.TemporaryDirectory() as folder:
        kill_under_load(Path(folder), options.kills, random.Random(options.seed))


if __name__ == "__main__":
    main()
