"""``forwarder sessions``: its figures are those of a calculation of its own, its page loads nothing."""

from __future__ import annotations

import json
import random
import re
from collections import defaultdict
from pathlib import Path
from statistics import median
from typing import Any

import pytest
from click.testing import CliRunner

from forwarder.cli import cli
from tests.support.sessions import MINUTE, SERVER, START, event, stamp

EVENTS = 100_000


def run(path: Path, *words: str) -> dict[str, Any]:
    """Return the figures that the command prints as JSON."""
    done = CliRunner().invoke(cli, ["sessions", "--json", *words, str(path)])
    assert done.exit_code == 0, done.output
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def lines(path: Path, *events: dict[str, Any]) -> Path:
    """Write events, one a line."""
    path.write_text("\n".join(map(json.dumps, events)))
    return path


def test_a_hundred_thousand_events_come_to_what_a_plain_calculation_says(tmp_path: Path) -> None:
    chance = random.Random(19)
    times: dict[str, list[int]] = defaultdict(list)
    events = []
    for number in range(EVENTS):
        device = f"anon-{chance.randrange(3_000)}"
        minutes = chance.randrange(3 * 24 * 60 * 60) / 60
        events.append(event(f"m{number}", minutes, device))
        times[device].append(START + int(minutes * MINUTE))
    path = lines(tmp_path / "events.jsonl", *events)
    after = run(path, "--length", "15m", "--maximum", "40m")["after"]
    lengths, bounces = [], 0
    for moments in times.values():
        moments.sort()
        run_of = [moments[0]]
        for moment in [*moments[1:], 10**15]:
            if moment - run_of[-1] >= 15 * MINUTE or moment - run_of[0] >= 40 * MINUTE:
                lengths.append(run_of[-1] - run_of[0])
                bounces += len(run_of) == 1
                run_of = []
            run_of.append(moment)
    # Two events of one moment that begin a session are one session of two events.
    assert after["events"] == EVENTS
    assert (after["sessions"], after["bounces"]) == (len(lengths), bounces)
    assert after["mean_length"] == pytest.approx(sum(lengths) / len(lengths))
    assert after["median_length"] == median(lengths)
    assert after["people"] == len(times) == sum(after["each"])
    assert sum(after["lengths"]) == len(lengths)


def test_given_ids_stay_unless_a_length_is_asked_for(tmp_path: Path) -> None:
    page = [event(f"p{n}", 20 * n, user="ada", integrations=stamp(START)) for n in range(3)]
    ends = [event("Session Ended", 40, integrations=stamp(START))]
    server = [event(f"s{n}", 10 + 20 * n, None, "ada", context=SERVER) for n in range(3)]
    out = [event("out", 1, integrations=stamp(-1))]
    path = lines(tmp_path / "events.jsonl", *page, *ends, *server, *out)
    plain = run(path)
    assert (plain["before"]["sessions"], plain["before"]["without"]) == (1, 4)
    assert (plain["after"]["sessions"], plain["after"]["without"]) == (1, 1)
    assert run(path, "--assign", "off")["after"]["without"] == 4
    shorter = run(path, "--length", "15m")["after"]
    assert (shorter["sessions"], shorter["without"]) == (3, 1)
    assert shorter["people"] == 1


def test_events_of_the_past_are_read_as_of_then(tmp_path: Path) -> None:
    """What was sent and received long ago is not corrected by now's clock."""
    sent = {"sentAt": event("x", 3)["timestamp"]}
    path = lines(tmp_path / "events.jsonl", *({**event(f"e{n}", n), **sent} for n in range(3)))
    assert run(path)["after"]["longest"] == 2 * MINUTE


def test_a_page_with_charts_loads_nothing(tmp_path: Path) -> None:
    path = lines(tmp_path / "events.jsonl", event("a", 0), event("b", 40))
    html = tmp_path / "chart.html"
    done = CliRunner().invoke(cli, ["sessions", "--html", str(html), str(path)])
    assert done.exit_code == 0
    assert re.search(r"sessions +0 +2\n", done.stdout)
    text = html.read_text()
    assert text.count("<svg") == 2
    assert not re.search(r"<script|src=|href=|url\(|@import|https?:", text)


@pytest.mark.parametrize(
    ("words", "told"),
    [(["--length", "15"], "is no length"), (["--maximum", "1w"], "is no length"), ([], "there is no event")],
)
def test_mistakes_are_told_in_a_line(tmp_path: Path, words: list[str], told: str) -> None:
    path = lines(tmp_path / "events.jsonl")
    done = CliRunner().invoke(cli, ["sessions", *words, str(path)])
    assert done.exit_code != 0
    assert told in done.output
