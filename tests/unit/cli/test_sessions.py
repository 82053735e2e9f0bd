"""``forwarder sessions``: its figures are those of a calculation of its own, its page loads nothing."""

from __future__ import annotations

import asyncio
import json
import re
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from forwarder.cli import cli
from forwarder.spool import Settlement, open_spool
from tests.support.recorded_sessions import check, lines, made
from tests.support.sessions import MINUTE, SERVER, START, Front, event, stamp


def run(path: Path, *words: str) -> dict[str, Any]:
    """Return the figures that the command prints as JSON."""
    done = CliRunner().invoke(cli, ["sessions", "--json", *words, str(path)])
    assert done.exit_code == 0, done.output
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_sessions_are_those_of_a_plain_calculation(tmp_path: Path) -> None:
    events, times = made(5_000, 150, 72)
    path = lines(tmp_path / "events.jsonl", *events)
    check(run(path, "--length", "15m", "--maximum", "40m")["after"], times, 15, 40)


def test_the_events_of_history_come_to_what_a_plain_calculation_says(tmp_path: Path) -> None:
    """As the forwarder has given them sessions, whatever came late, and by other rules."""
    events, times = made(5_000, 800, 4)

    async def fill() -> None:
        spool = await open_spool(tmp_path / "spool.db", max_events=10_000, max_bytes=10**8)
        await spool.attach(["amplitude"])
        front = Front(spool)
        for start in range(0, len(events), 100):
            await front.take(*events[start : start + 100])
        await spool.settle("amplitude", Settlement(4_000), START)
        front.now += 90 * MINUTE
        await front.take(event("early", 1, None, "ada", context=SERVER))
        await front.take(
            event("joined", 0, "anon-ada", "ada"), event("joins", 1, None, "ada", context=SERVER)
        )
        await front.take(event("out", 0, "anon-ada", "ada", integrations=stamp(-1)))
        await spool.close()

    asyncio.run(fill())
    config = tmp_path / "forwarder.toml"
    config.write_text(f'[spool]\npath = "{tmp_path}/spool.db"\n[[sources]]\nname = "shop"\nwrite_key = "k"\n')

    def history(*words: str) -> dict[str, Any]:
        done = CliRunner().invoke(cli, ["sessions", "--json", "--history", "--config", str(config), *words])
        assert done.exit_code == 0, done.output
        found: dict[str, Any] = json.loads(done.stdout)
        return found

    found = history("--length", "15m", "--maximum", "40m")
    # In history the first server's event came before its user was known on a device.
    for part, ada, without in (("before", [0, 1], 2), ("after", [0, 1, 1], 1)):
        assert found[part].pop("without") == without
        found[part]["events"] -= without
        moments = {**times, "ada": [START + minute * MINUTE for minute in ada]}
        check(found[part], moments, *((30,) if part == "before" else (15, 40)))
    assert history()["after"]["sessions"] == found["before"]["sessions"]
    none = CliRunner().invoke(cli, ["sessions", "--history", "--config", str(config), "--source", "x"])
    assert none.exit_code == 1
    assert "history has no such event" in none.output


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


def test_whose_events_get_a_session_is_as_ingest_has_it(tmp_path: Path) -> None:
    app = {"library": {"name": "analytics-kotlin"}}
    server = event("job", 0, None, "job", context=SERVER)
    path = lines(tmp_path / "events.jsonl", event("page", 0), event("app", 0, "phone", context=app), server)
    for assign, without in (("off", 3), ("web", 2), ("all", 0)):
        assert run(path, "--assign", assign)["after"]["without"] == without


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
    [
        (["--length", "15"], "is no length"),
        (["--maximum", "1w"], "is no length"),
        (["--history"], "takes no file"),
        (["--since", "1h"], "choose events of --history"),
        ([], "there is no event"),
    ],
)
def test_mistakes_are_told_in_a_line(tmp_path: Path, words: list[str], told: str) -> None:
    path = lines(tmp_path / "events.jsonl")
    done = CliRunner().invoke(cli, ["sessions", *words, str(path)])
    assert done.exit_code != 0
    assert told in done.output
