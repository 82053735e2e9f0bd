"""``forwarder sessions`` reads as many recorded events as a site has in a day, as an operator runs it."""

import json
import subprocess
import sys
from pathlib import Path

from tests.support.recorded_sessions import check, lines, made

EVENTS = 100_000


def test_a_hundred_thousand_events_come_to_what_a_plain_calculation_says(tmp_path: Path) -> None:
    events, times = made(EVENTS, 3_000, 72)
    path = lines(tmp_path / "events.jsonl", *events)
    command = [sys.executable, "-m", "forwarder", "sessions", "--json", "--length", "15m", "--maximum", "40m"]
    said = subprocess.run([*command, str(path)], check=True, capture_output=True, text=True).stdout
    check(json.loads(said)["after"], times, 15, 40)
