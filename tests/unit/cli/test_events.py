"""``forwarder events``: events are found by what they are of and how they ended, and shown with their way."""

import asyncio
import json
from pathlib import Path

import orjson
import pytest
from click.testing import CliRunner, Result

from forwarder.cli import cli, events
from forwarder.spool import NewEvent, Settlement, open_spool
from forwarder.spool.history import Ended, SentBatch, TurnedAway
from tests.support.configuration import AT_AMPLITUDE, configuration

NOW = 1_790_000_000_000


def configured(spool: Path) -> str:
    return configuration("shop", amplitude=AT_AMPLITUDE, spool={"path": spool})


def made(number: int, user: str, name: str) -> NewEvent:
    body = {
        "type": "track",
        "event": name,
        "messageId": f"m{number}",
        "userId": user,
        "anonymousId": f"d{number % 2}",
        "timestamp": "2026-09-21T13:46:40.000Z",
        "integrations": {"Actions Amplitude": {"session_id": NOW + number % 3}},
    }
    return NewEvent("shop" if number % 4 else "blog", f"m{number}", orjson.dumps(body))


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """Nine events: 1 to 4 delivered, 5 filtered, 6 dead, the others wait; two that were turned away."""

    async def fill() -> None:
        spool = await open_spool(tmp_path / "spool.db", max_events=100, max_bytes=10**6)
        await spool.attach(["amplitude"])
        spool.turn_away([TurnedAway(NOW, "shop", "bad", "rejected", "no_event", b'{"userId":"ada"}')])
        for number in range(1, 10):
            user, name = ("ada" if number % 2 else "bob\x1b[31m"), ("Bought" if number > 3 else "Seen")
            await spool.append([made(number, user, name)], NOW + number * 1000)
        await spool.append([made(1, "ada", "Seen")], NOW + 20_000)
        tries = SentBatch("/2/httpapi", NOW + 5_000, NOW + 5_200, 0, "broken", b"ReadTimeout", 1, [(1, 4)])
        sent = SentBatch("/batch", NOW + 5_300, NOW + 5_384, 200, "", b'{"code":200}', 4, [(1, 4)])
        ends = [Ended("delivered", "", 1, 4), Ended("filtered", "no trigger matched", 5, 5)]
        await spool.settle("amplitude", Settlement(3, sent=[tries]), NOW + 5_250)
        await spool.settle("amplitude", Settlement(5, ends=ends, sent=[sent]), NOW + 5_400)
        dead = [Ended("dead", "invalid fields", 6, 6)]
        await spool.settle("amplitude", Settlement(6, ends=dead), NOW + 7_000)
        await spool.close()

    asyncio.run(fill())
    path = tmp_path / "forwarder.toml"
    path.write_text(configured(tmp_path / "spool.db"))
    return path


def run(config: Path, *words: str) -> Result:
    return CliRunner().invoke(cli, ["events", words[0], "--config", str(config), *words[1:]])


def ids(config: Path, *words: str) -> list[str]:
    done = run(config, "find", *words)
    assert done.exit_code == 0, done.output
    return [line.split("\t")[2] for line in done.stdout.splitlines()]


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("--message m3", "m3"),
        ("--user ada", "bad m1 m3 m5 m7 m9"),
        ("--user ada --name Seen", "m1 m3"),
        ("--device d0", "m2 m4 m6 m8"),
        (f"--session {NOW + 1}", "m1 m4 m7"),
        ("--source blog", "m4 m8"),
        ("--outcome delivered", "m1 m2 m3 m4"),
        ("--outcome filtered", "m5"),
        ("--outcome dead", "m6"),
        ("--outcome waiting", "m7 m8 m9"),
        ("--outcome rejected", "bad"),
        ("--outcome duplicate", "m1"),
        ("--limit 2 --device d1", "m7 m9"),
        ("--user nobody", ""),
        ("--user m3", ""),
        ("--since 1h", ""),
    ],
)
def test_events_are_found(config: Path, words: str, found: str) -> None:
    assert ids(config, *words.split()) == found.split()


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ("", "history has no such event; it reaches back to 2026-09-21T14:13:21.000Z\n"),
        ("hours = 0", "no such event waits; others are not kept ([history] hours = 0)\n"),
        ("bytes = 0", "no such event waits; others are not kept ([history] bytes = 0)\n"),
    ],
)
def test_where_none_is_found_it_says_so(config: Path, table: str, said: str) -> None:
    config.write_text(f"{config.read_text()}\n[history]\n{table}\n")
    done = run(config, "find", "--user", "nobody")
    assert (done.exit_code, done.stdout, done.stderr) == (0, "", said)
    assert run(config, "find", "--user", "ada").stderr == ""


def test_where_nothing_has_ended_none_is_found(tmp_path: Path) -> None:
    async def accept() -> None:
        spool = await open_spool(tmp_path / "spool.db", max_events=100, max_bytes=10**6)
        await spool.append([made(1, "ada", "Seen")], NOW)
        await spool.close()

    asyncio.run(accept())
    config = tmp_path / "forwarder.toml"
    config.write_text(configured(tmp_path / "spool.db"))
    assert run(config, "find", "--user", "nobody").stderr == "history has no such event\n"


def test_it_says_how_far_it_looked(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing finds events by name at once; where patience ends, what was looked at is said."""
    monkeypatch.setattr(events, "PATIENCE_S", 1e-9)
    said = run(config, "find", "--name", "Bought")
    assert "looked at what came since 2026-09-21T14:13:2" in said.output
    assert "; --all looks through everything" in said.output
    assert ids(config, "--name", "Bought", "--all") == [f"m{number}" for number in range(4, 10)]


def test_a_line_says_what_became_of_an_event(config: Path) -> None:
    done = run(config, "find", "--message", "m5").output
    assert (
        done == "2026-09-21T14:13:25.000Z\tshop\tm5\tBought\tamplitude: filtered (no trigger matched)\t"
        "page: the event brought its session id\n"
    )
    [line] = run(config, "find", "--message", "m6", "--json").output.splitlines()
    said = json.loads(line)
    assert (said["messageId"], said["event"]["userId"]) == ("m6", "bob\x1b[31m")
    assert said["ended"] == {"amplitude": {"outcome": "dead", "reason": "invalid fields"}}


def test_show_has_the_event_its_mappings_and_its_way(config: Path) -> None:
    said = run(config, "show", "m2").output
    for part in (
        '"event": "Seen"',
        "timestamp          2026-09-21T13:46:40.000Z",
        "Track Calls (logEventV2): matches",
        "+3000 ms  POST /2/httpapi, 1 item; answered after 200 ms: broken ReadTimeout",
        '+3300 ms  POST /batch, 4 items; answered after 84 ms: 200 {"code":200}',
        "+3400 ms  delivered",
        "user bob\\u001b[31m   device d0",
    ):
        assert part in said
    assert "0123456789abcdef" not in said
    assert "\x1b" not in said
    assert "amplitude: waiting" in run(config, "show", "m8").output
    assert "rejected (no_event)" in run(config, "show", "bad").output
    missing = run(config, "show", "m99")
    assert (missing.exit_code, "no event with this message id" in missing.output) == (1, True)


@pytest.mark.parametrize(
    ("words", "found"),
    [("tail --user eve", "m10 m12"), ("events find --follow --device d0 --limit 2", "m6 m8 m10 m12")],
)
def test_what_comes_is_followed(
    config: Path, words: str, found: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    numbers = iter([10, 11, 12])

    async def accept(number: int) -> None:
        spool = await open_spool(config.parent / "spool.db", max_events=100, max_bytes=10**6)
        await spool.append([made(number, "ada" if number % 2 else "eve", "Bought")], NOW + 30_000)
        await spool.close()

    def look(seconds: float) -> None:
        number = next(numbers, 0)
        if not number:
            raise KeyboardInterrupt
        asyncio.run(accept(number))

    monkeypatch.setattr("forwarder.cli.events.time.sleep", look)
    done = CliRunner().invoke(cli, [*words.split(), "--config", str(config)])
    ids = [line.split("\t")[2] for line in done.output.splitlines() if "\t" in line]
    assert ids == found.split()


def test_what_is_no_length_of_time_is_refused(config: Path) -> None:
    assert "give one like 90m" in run(config, "find", "--since", "soon").output


def test_without_a_spool_it_says_so(tmp_path: Path) -> None:
    path = tmp_path / "forwarder.toml"
    path.write_text(configured(tmp_path / "none.db"))
    done = run(path, "find")
    assert (done.exit_code, "there is no spool" in done.output) == (1, True)
