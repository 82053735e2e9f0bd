"""``forwarder dead``: dead letters are listed, shown, sent again and dropped."""

import asyncio
import json
from pathlib import Path

import orjson
import pytest
from click.testing import CliRunner, Result

from forwarder.cli import cli
from forwarder.delivery.trouble import HORIZON_MS
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
        state = orjson.dumps({"maybe_since": NOW - HORIZON_MS})
        detail = orjson.dumps({"answer": {"status": 400, "body": "no"}})
        dead = [NewDead(a, "invalid time", detail, b""), NewDead(b, "gave up", b"{}", state)]
        await spool.settle("one", Settlement(3, dead=dead), NOW)
        await spool.settle("two", Settlement(3, dead=[NewDead(c, "invalid time", b"{}", b"")]), NOW)
        await spool.close()

    asyncio.run(fill())
    path = tmp_path / "forwarder.toml"
    path.write_text(f'[spool]\npath = "{tmp_path / "spool.db"}"\n')
    return path


def run(config: Path, *words: str) -> Result:
    return CliRunner().invoke(cli, ["dead", words[0], "--config", str(config), *words[1:]])


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
    assert "dropped: 2" in run(config, "drop", "--all").output
    assert left(config) == []


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
