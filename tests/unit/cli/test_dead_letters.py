"""``forwarder dead``: dead letters are listed, shown, sent again and dropped."""

import asyncio
import json
from pathlib import Path

import orjson
import pytest
from click.testing import CliRunner, Result

from forwarder.amplitude.wire.limits import INSERT_ID_WINDOW_MS
from forwarder.cli import cli
from forwarder.spool import NewDead, NewEvent, Parked, Settlement, Spool, open_spool

NOW = 1_790_000_000_000


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """A spool with three dead letters, and the configuration that names it."""

    async def fill() -> None:
        spool = await open_spool(tmp_path / "spool.db", max_events=100, max_bytes=10**6)
        await spool.attach(["one", "two"])
        await spool.append([NewEvent("demo", name, orjson.dumps({"messageId": name})) for name in "abc"], NOW)
        a, b, c = await spool.read(0, 9)
        state = orjson.dumps({"maybe_since": NOW - INSERT_ID_WINDOW_MS})
        detail = orjson.dumps({"answer": {"status": 400, "body": "no"}})
        dead = [NewDead(a, "invalid time", detail, b""), NewDead(b, "gave up", b"{}", state)]
        await spool.settle("one", Settlement(3, dead=dead), NOW)
        await spool.settle("two", Settlement(3, dead=[NewDead(c, "invalid time", b"{}", b"")]), NOW)
        await spool.close()

    asyncio.run(fill())
    path = tmp_path / "forwarder.toml"
    path.write_text(f'[spool]\npath = "{tmp_path / "spool.db"}"\n')
    return path


def run(config: Path, *words: str, given: str | None = None) -> Result:
    return CliRunner().invoke(cli, ["dead", words[0], "--config", str(config), *words[1:]], input=given)


def left(config: Path) -> list[str]:
    return [line.split("\t")[0] for line in run(config, "list").output.splitlines()]


def parked(config: Path, destination: str) -> list[Parked]:
    async def look() -> list[Parked]:
        spool: Spool = await open_spool(config.parent / "spool.db", max_events=1, max_bytes=1, tool=True)
        try:
            return await spool.parked(destination, "", 0, 9)
        finally:
            await spool.close()

    return asyncio.run(look())


def test_list(config: Path) -> None:
    lines = run(config, "list").output.splitlines()
    assert lines[0] == "1\t2026-09-21T14:13:20Z\tone\tdemo\ta\tinvalid time"
    assert left(config) == ["1", "2", "3"]
    assert len(run(config, "list", "--destination", "two").output.splitlines()) == 1
    assert len(run(config, "list", "--reason", "gave").output.splitlines()) == 1


def test_show(config: Path) -> None:
    shown = json.loads(run(config, "show", "1").output)
    assert shown["event"] == {"messageId": "a"}
    assert shown["reason"] == "invalid time"
    assert shown["detail"]["answer"] == {"status": 400, "body": "no"}
    assert "warning" not in shown
    assert "count them again" in json.loads(run(config, "show", "2").output)["warning"]
    missing = run(config, "show", "9")
    assert missing.exit_code == 1
    assert "no dead letter 9" in missing.output


def test_retry(config: Path) -> None:
    done = run(config, "retry", "1", "2")
    assert "sent again: 2" in done.output
    assert "2: Amplitude may have taken parts" in done.output
    assert left(config) == ["3"]
    assert [one.event.message_id for one in parked(config, "one")] == ["a", "b"]


def test_retry_by_reason(config: Path) -> None:
    assert "sent again: 2" in run(config, "retry", "--reason", "invalid time").output
    assert left(config) == ["2"]


def test_drop(config: Path) -> None:
    assert "dropped: 1" in run(config, "drop", "2").output
    assert left(config) == ["1", "3"]
    assert "dropped: 2" in run(config, "drop", "--all", "--yes").output
    assert left(config) == []


@pytest.mark.parametrize(
    ("words", "count"),
    [
        (["--all"], "3 dead letters"),
        (["--reason", "gave"], "1 dead letter "),
        (["--destination", "one"], "2 "),
    ],
)
def test_drop_asks_before_more_than_was_named(config: Path, words: list[str], count: str) -> None:
    for answer in ("n\n", ""):
        said = run(config, "drop", *words, given=answer)
        assert said.exit_code == 1
        assert f"Drop {count}" in said.output
        assert "nothing was dropped; --yes" in said.output
        assert left(config) == ["1", "2", "3"]
    said = run(config, "drop", *words, given="y\n")
    assert (said.exit_code, f"dropped: {count[0]}" in said.output) == (0, True)
    assert len(left(config)) == 3 - int(count[0])


@pytest.mark.parametrize(("command", "done"), [("drop", "dropped"), ("retry", "sent again")])
def test_numbers_that_are_not_there_are_told(config: Path, command: str, done: str) -> None:
    said = run(config, command, "2", "77", "78")
    assert said.exit_code == 1
    assert f"{done}: 1" in said.output
    assert "no dead letter 77, 78; see forwarder dead list" in said.output
    assert left(config) == ["1", "3"]
    said = run(config, command, "77")
    assert (said.exit_code, f"{done}: 0" in said.output) == (1, True)


@pytest.mark.parametrize("words", [["retry"], ["drop"], ["retry", "1", "--all"]])
def test_what_is_meant_has_to_be_said(config: Path, words: list[str]) -> None:
    said = run(config, *words)
    assert said.exit_code == 1
    assert "give numbers, or --all" in said.output
    assert left(config) == ["1", "2", "3"]


def test_a_wrong_file_is_named(tmp_path: Path) -> None:
    said = run(tmp_path / "none.toml", "list")
    assert said.exit_code == 1
    assert "none.toml" in said.output


@pytest.mark.parametrize("words", ["list", "show 1", "retry 1", "retry --all", "drop --all"])
def test_without_a_spool_one_line_says_so_and_none_is_made(tmp_path: Path, words: str) -> None:
    config = tmp_path / "forwarder.toml"
    config.write_text(f'[spool]\npath = "{tmp_path / "spool.db"}"\n')
    done = run(config, *words.split())
    assert done.exit_code == 1
    assert done.output.startswith(f"Error: there is no spool at {tmp_path / 'spool.db'}; ")
    assert len(done.output.splitlines()) == 1
    assert list(tmp_path.iterdir()) == [config]


def test_a_file_that_is_no_spool_stays_as_it_is(tmp_path: Path) -> None:
    config, file = tmp_path / "forwarder.toml", tmp_path / "spool.db"
    config.write_text(f'[spool]\npath = "{file}"\n')
    file.touch()
    done = run(config, "list")
    assert done.exit_code == 1
    assert "start this one on it once" in done.output
    assert file.read_bytes() == b""
    assert sorted(tmp_path.iterdir()) == [config, file]


HOSTILE = "\x1b]0;title\x07\x1b[2J\x9b2J\u2028\u202e\n4711\t2026-09-21"


def test_nothing_from_senders_or_amplitude_reaches_the_terminal_raw(tmp_path: Path) -> None:
    async def fill() -> None:
        spool = await open_spool(tmp_path / "spool.db", max_events=100, max_bytes=10**6)
        await spool.attach(["one"])
        await spool.append([NewEvent("demo", HOSTILE, orjson.dumps({"messageId": HOSTILE}))], NOW)
        [event] = await spool.read(0, 9)
        detail = orjson.dumps({"answer": {"body": HOSTILE}})
        await spool.settle("one", Settlement(1, dead=[NewDead(event, HOSTILE, detail, b"")]), NOW)
        await spool.close()

    asyncio.run(fill())
    config = tmp_path / "forwarder.toml"
    config.write_text(f'[spool]\npath = "{tmp_path / "spool.db"}"\n')
    [line] = run(config, "list").output.rstrip("\n").split("\n")
    assert len(line.split("\t")) == 6
    assert line.replace("\t", "").isprintable()
    shown = run(config, "show", "1").output
    assert all(part.isprintable() for part in shown.split("\n"))
    assert json.loads(shown)["event"]["messageId"] == HOSTILE
    assert json.loads(shown)["reason"] == HOSTILE
