"""Writes the payloads: ``python -m tests.senders.make``; a test sees that the file is what this makes.

Each line is one request as a library sends it, and what is right for it by the rules (``expected``), which
were written down here before anything was run. To add one, add it to ``calls``, ``odd_events`` or
``odd_requests`` and run this.
"""

import gzip
import json
from pathlib import Path

from tests.senders.calls import usual
from tests.senders.odd_events import odd_events
from tests.senders.odd_requests import odd_requests

FILE = Path(__file__).parent / "data" / "payloads.jsonl.gz"


def made() -> list[str]:
    """Return the lines of the file."""
    payloads = [*usual(), *odd_events(), *odd_requests()]
    return [json.dumps(each.written(number), ensure_ascii=False) for number, each in enumerate(payloads, 1)]


def stored() -> list[str]:
    """Return the lines of the file as it is."""
    return gzip.decompress(FILE.read_bytes()).decode().splitlines()


if __name__ == "__main__":
    lines = made()
    FILE.write_bytes(gzip.compress("\n".join([*lines, ""]).encode(), mtime=0))
    print(f"{FILE}: {len(lines)} payloads")
