"""Whatever goes wrong inside the spool is told to everybody who waits, and ends it; nobody waits for ever."""

import asyncio
import time
from pathlib import Path
from typing import Any

import pytest

from forwarder.errors import SpoolError, SpoolLost
from forwarder.spool import Settlement, StoredEvent
from forwarder.spool.sqlite.dedup import DedupIndex
from forwarder.spool.sqlite.group_commit import GroupCommit
from forwarder.spool.sqlite.transaction import WriteTransaction
from tests.support.spools import NOW, at, event, names, opened
from tests.support.waiting import PATIENCE_S


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "spool.db"


async def ended(spool: Any) -> SpoolError:
    """Return why the spool ended, which it has to by now."""
    return await asyncio.wait_for(spool.lost(), PATIENCE_S)


def _fails(*_: object, **__: object) -> None:
    raise ZeroDivisionError("as a fault of ours")


@pytest.mark.parametrize(
    ("where", "name"), [(DedupIndex, "add"), (WriteTransaction, "committed")], ids=["add", "committed"]
)
async def test_a_fault_behind_the_commit_ends_the_spool(
    path: Path, monkeypatch: pytest.MonkeyPatch, where: Any, name: str
) -> None:
    async with opened(at(path)) as spool:
        monkeypatch.setattr(where, name, _fails)
        several = await asyncio.wait_for(
            asyncio.gather(*(spool.append([event(f"m{n}")], NOW) for n in range(5)), return_exceptions=True),
            PATIENCE_S,
        )
        assert {type(one) for one in several} == {SpoolLost}
        with pytest.raises(SpoolLost, match="ZeroDivisionError: as a fault of ours"):
            await asyncio.wait_for(spool.append([event("later")], NOW), PATIENCE_S)
        with pytest.raises(SpoolLost):
            await asyncio.wait_for(spool.settle("one", Settlement(0), NOW), PATIENCE_S)
        assert isinstance(await ended(spool), SpoolLost)
        assert spool.failure is not None
    monkeypatch.undo()
    async with opened(at(path)) as spool:  # what was committed is there, once, and known
        before = names(await spool.read(0, 99))
        assert "m0" in before
        wanted = [f"m{n}" not in before for n in range(6)]
        assert await spool.append([event(f"m{n}") for n in range(6)], NOW) == wanted
        assert spool.failure is None


async def test_a_fault_between_two_commits_ends_the_spool(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with opened(at(path)) as spool:
        await asyncio.gather(*(spool.append([event(f"a{n}")], NOW) for n in range(20)))  # in company
        monkeypatch.setattr(time, "sleep", _fails)
        answers = [asyncio.ensure_future(spool.append([event(f"b{n}")], NOW)) for n in range(50)]
        done, waiting = await asyncio.wait(answers, timeout=PATIENCE_S)
        assert not waiting
        assert any(isinstance(one.exception(), SpoolLost) for one in done)
        assert isinstance(await ended(spool), SpoolLost)


@pytest.mark.parametrize("slow", [False, True])
async def test_who_cannot_be_told_of_events_ends_the_spool_but_no_answer(
    path: Path, monkeypatch: pytest.MonkeyPatch, slow: bool
) -> None:
    report = GroupCommit._report

    def slowly(*given: Any) -> None:
        """The loop hears of the group before the thread has let go of it, as under load."""
        report(*given)
        time.sleep(0.3)

    if slow:
        monkeypatch.setattr(GroupCommit, "_report", slowly)
    async with opened(at(path)) as spool:
        heard: list[StoredEvent] = []
        spool.on_append(_fails)
        spool.on_append(heard.extend)
        assert await asyncio.wait_for(spool.append([event("a")], NOW), PATIENCE_S) == [True]
        assert "could not be handed on" in str(await ended(spool))
        with pytest.raises(SpoolLost):
            await spool.append([event("b")], NOW)
