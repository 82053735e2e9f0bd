"""``forwarder backup``: a whole copy of a spool that is in use, or one line that says why there is none."""

import sqlite3
from pathlib import Path
from typing import cast

import pytest
from click.testing import CliRunner, Result

from forwarder.cli import cli
from forwarder.spool import NewDead, Settlement
from forwarder.spool.sqlite.spool import SqliteSpool
from forwarder.spool.suppression import Erasure
from tests.support.spools import NOW, at, event, names, opened

CONFIG = '[spool]\npath = "spool.db"\n'


@pytest.fixture
def config(tmp_path: Path) -> str:
    path = tmp_path / "forwarder.toml"
    path.write_text(CONFIG)
    return str(path)


def backup(config: str, file: Path) -> Result:
    return CliRunner().invoke(cli, ["backup", "--config", config, str(file)], prog_name="forwarder")


async def test_a_backup_of_a_spool_in_use_is_one_that_can_be_served_from(tmp_path: Path, config: str) -> None:
    copied = tmp_path / "away" / "copy.db"
    copied.parent.mkdir()
    async with opened(at(tmp_path / "spool.db")) as spool:
        await spool.attach(["one"])
        await spool.append([event("gone", b"a secret of a deleted user")], NOW)
        await spool.append([event(f"m{n}") for n in range(5)], NOW)
        dead = [NewDead((await spool.read(1, 1))[0], "invalid time", b"{}", b"")]
        await spool.settle("one", Settlement(2, dead=dead, ended={("delivered", ""): 1}), NOW)
        await cast("SqliteSpool", spool).erase(Erasure(history=[1]))
        done = backup(config, copied)
        assert (done.exit_code, done.output) == (0, f"{copied} is written: {copied.stat().st_size} bytes\n")
        await spool.append([event("later")], NOW)
        counts = await spool.counts()
    assert [path.name for path in copied.parent.iterdir()] == ["copy.db"]
    assert copied.stat().st_mode & 0o077 == 0
    assert b"a secret of a deleted user" not in copied.read_bytes(), "what was let go of is not in it"
    async with opened(at(copied)) as spool:
        assert await spool.attach(["one"]) == {"one": 2}
        assert names(await spool.read(2, 9)) == ["m1", "m2", "m3", "m4"]
        assert await spool.append([event("m4"), event("later")], NOW) == [False, True]
        assert await spool.counts() == counts


@pytest.mark.parametrize(
    ("written", "says"),
    [
        ('[spool]\npath = "nats://localhost:4222/events"\n', "the spool is a stream: NATS keeps it"),
        (CONFIG, "there is no spool at "),
        ("[spol]\n", "did you mean spool?"),
    ],
)
def test_what_cannot_be_backed_up_is_told(tmp_path: Path, config: str, written: str, says: str) -> None:
    Path(config).write_text(written)
    done = backup(config, tmp_path / "copy.db")
    assert done.exit_code == 1
    assert says in done.output
    assert [path.name for path in tmp_path.iterdir()] == ["forwarder.toml"]


async def test_a_file_that_is_there_is_not_written_over(tmp_path: Path, config: str) -> None:
    file = tmp_path / "copy.db"
    file.write_text("mine")
    async with opened(at(tmp_path / "spool.db")):
        done = backup(config, file)
        assert (done.exit_code, file.read_text()) == (1, "mine")
        assert "is there already; name a new file" in done.output
        nowhere = backup(config, tmp_path / "nowhere" / "copy.db")
        assert (nowhere.exit_code, "cannot be written" in nowhere.output) == (1, True)


def test_another_database_is_refused(tmp_path: Path, config: str) -> None:
    with sqlite3.connect(tmp_path / "spool.db") as database:
        database.execute("CREATE TABLE theirs (x)")
    database.close()
    assert "is another program's database" in backup(config, tmp_path / "copy.db").output
