"""Workers that end by an error run again, and the watchdog of a service says and mends what stands still."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from structlog.testing import capture_logs

from forwarder import metrics
from forwarder.delivery.health import DestinationHealth
from forwarder.delivery.service import LOOK_S, RESTART_S
from forwarder.delivery.watchdog import MENDED_ANEW, STILL_MS, Stall, Watch
from forwarder.delivery.worker import Worker
from forwarder.spool import Counts, Standing
from tests.support.simulation.lines import NOW
from tests.support.simulation.serving import Play, Serving, Spool
from tests.support.simulation.virtual import VirtualLoop


def faults(where: str, name: str = "") -> int:
    return metrics.FAULTS.values().get((name, where), 0)


def test_a_worker_that_ends_by_an_error_rests_and_runs_again(
    played: Play, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs: list[float] = []
    renewed: list[str] = []

    async def main(loop: VirtualLoop) -> None:
        one = Serving(loop, "again")

        async def run(_: Worker) -> None:
            runs.append(loop.time())
            if len(runs) < 3:
                raise ZeroDivisionError

        def renew(_: Worker) -> None:
            renewed.append("anew")
            raise ZeroDivisionError

        monkeypatch.setattr(Worker, "run", run)
        monkeypatch.setattr(Worker, "renew", renew)
        with capture_logs() as logs:
            await one.delivery.start()
            await asyncio.sleep(10 * RESTART_S)
        began = runs[0]
        assert [at - began for at in runs] == pytest.approx([0, RESTART_S, 2 * RESTART_S])
        assert renewed == ["anew", "anew"]
        assert (faults("run", "again"), len(logs)) == (2, 2)
        assert (logs[0]["destination"], logs[0]["where"]) == ("again", "run")
        await one.delivery.stop(1)

    played(main)


def test_counting_and_logging_a_fault_may_fail_themselves(
    played: Play, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def main(loop: VirtualLoop) -> None:
        one = Serving(loop)
        runs = 0

        async def run(_: Worker) -> None:
            nonlocal runs
            runs += 1
            if runs == 1:
                raise ZeroDivisionError

        def fails(*_: object, **__: object) -> None:
            raise ZeroDivisionError

        monkeypatch.setattr(Worker, "run", run)
        monkeypatch.setattr(metrics.FAULTS, "add", fails)
        await one.delivery.start()
        await asyncio.sleep(10)
        assert runs == 2
        await one.delivery.stop(1)

    played(main)


# -- the watchdog


def test_health_has_what_the_watchdog_knows(played: Play) -> None:
    async def main(loop: VirtualLoop) -> None:
        one = Serving(loop, "a", "b")
        await one.delivery.start()
        one.delivery.stalled["b"] = Stall.LOST
        assert one.delivery.health() == {"a": DestinationHealth(), "b": DestinationHealth(stall=Stall.LOST)}
        one.accept(1)
        one.spool.kept.destinations["a"].cursor = 1
        await one.delivery.report()
        assert metrics.STALLED.values() == {("a",): 0, ("b",): 1}
        assert metrics.WAITING.values() == {("a",): 0, ("b",): 1}

        async def counts() -> Counts:
            return Counts(1, 1, NOW - 4_000, {})

        one.spool.counts = counts
        await one.delivery.report()
        assert metrics.OLDEST_SECONDS.values() == {(): 4}
        await one.delivery.stop(1)
        assert one.delivery.health()["b"].stall is Stall.NONE

    played(main)


def watched(stalls: dict[str, Any]) -> Callable[[Watch, Any], Stall]:
    """Return a watchdog that sees what a test wants it to."""

    def stall(watch: Watch, look: Any) -> Stall:
        stalls.setdefault("watches", set()).add(id(watch))
        if isinstance(stalls["now"], Exception):
            raise stalls["now"]
        found: Stall = stalls["now"]
        return found

    return stall


@pytest.mark.parametrize("why", [Stall.LOST, Stall.FAILING])
def test_a_stall_is_said_once_and_only_what_a_new_start_mends_is_begun_anew(
    why: Stall, played: Play, monkeypatch: pytest.MonkeyPatch
) -> None:
    stalls: dict[str, Any] = {"now": Stall.NONE}
    monkeypatch.setattr(Watch, "stall", watched(stalls))

    async def main(loop: VirtualLoop) -> None:
        one = Serving(loop, "said")
        renewed: list[float] = []
        await one.delivery.start()
        one.worker("said").renew = lambda: renewed.append(loop.time())
        with capture_logs() as logs:
            await asyncio.sleep(LOOK_S + 1)
            assert (logs, one.delivery.stalled) == ([], {})
            stalls["now"] = why
            await asyncio.sleep(2 * LOOK_S)
            assert one.delivery.stalled == {"said": why}
            stalls["now"] = Stall.TURN
            await asyncio.sleep(LOOK_S)
            stalls["now"] = Stall.NONE
            await asyncio.sleep(2 * LOOK_S)
        assert one.delivery.stalled == {}
        assert [(line["log_level"], line["event"], line.get("why")) for line in logs] == [
            ("error", "destination is stalled", why),
            ("error", "destination is stalled", Stall.TURN),
            ("info", "destination goes on", None),
        ]
        assert {line["destination"] for line in logs} == {"said"}
        anew = why in MENDED_ANEW
        assert len(renewed) == (2 if anew else 0)
        assert (len(stalls["watches"]) > 1) is anew, "its watch begins anew with it"
        await one.delivery.stop(1)

    played(main)


def test_a_look_that_fails_is_counted_and_the_next_one_comes(
    played: Play, monkeypatch: pytest.MonkeyPatch
) -> None:
    stalls: dict[str, Any] = {"now": ZeroDivisionError()}
    monkeypatch.setattr(Watch, "stall", watched(stalls))

    async def main(loop: VirtualLoop) -> None:
        one = Serving(loop, "seen", "after")
        await one.delivery.start()
        with capture_logs() as logs:
            await asyncio.sleep(LOOK_S + 1)
        assert [(line["destination"], line["where"]) for line in logs] == [
            ("seen", "watch"),
            ("after", "watch"),
        ]
        assert faults("watch", "seen") == 1
        stalls["now"] = Stall.FAILING
        await asyncio.sleep(LOOK_S)
        assert set(one.delivery.stalled) == {"seen", "after"}
        await one.delivery.stop(1)

    played(main)


def unread(spool: Spool, waiting: int, parked: int) -> None:
    async def counts() -> Counts:
        return Counts(9, 9, None, {"one": Standing(9, waiting, {}, 0, parked, 0)})

    spool.counts = counts  # type: ignore[method-assign]


@pytest.mark.parametrize(
    ("waiting", "set_aside", "stalled"), [(2, 1, True), (1, 1, False), (1, 2, False), (0, 0, False)]
)
def test_events_that_lie_unread_at_two_looks_are_a_stall_and_are_read(
    waiting: int, set_aside: int, stalled: bool, played: Play
) -> None:
    async def main(loop: VirtualLoop) -> None:
        one = Serving(loop)
        await one.delivery.start()
        await asyncio.sleep(1)
        unread(one.spool, waiting, set_aside)
        reads = one.spool.reads
        await asyncio.sleep(STILL_MS / 1000 + 2 * LOOK_S)
        assert (one.delivery.stalled, one.spool.reads) == ({}, reads), "once it may be chance"
        await asyncio.sleep(LOOK_S)
        assert one.delivery.stalled == ({"one": Stall.UNREAD} if stalled else {})
        assert (one.spool.reads > reads) is stalled
        await one.delivery.stop(1)

    played(main)


def test_what_was_unread_before_something_happened_does_not_count(played: Play) -> None:
    async def main(loop: VirtualLoop) -> None:
        one = Serving(loop)
        await one.delivery.start()
        await asyncio.sleep(1)
        unread(one.spool, 1, 0)
        await asyncio.sleep(STILL_MS / 1000 + 2 * LOOK_S)
        one.accept(1)
        await asyncio.sleep(STILL_MS / 1000 + 2 * LOOK_S)
        assert one.delivery.stalled == {}
        await asyncio.sleep(LOOK_S)
        assert one.delivery.stalled == {"one": Stall.UNREAD}
        await one.delivery.stop(1)

    played(main)


def test_a_destination_that_the_spool_does_not_know_has_nothing_unread(played: Play) -> None:
    async def main(loop: VirtualLoop) -> None:
        one = Serving(loop, "other")
        await one.delivery.start()
        unread(one.spool, 5, 0)
        await asyncio.sleep(2 * STILL_MS / 1000)
        assert one.delivery.stalled == {}
        assert faults("watch", "other") == 0
        await one.delivery.stop(1)

    played(main)


def test_a_spool_that_says_nothing_when_asked_is_a_stall(played: Play) -> None:
    async def main(loop: VirtualLoop) -> None:
        one = Serving(loop)
        await one.delivery.start()
        one.spool.silent = True
        await asyncio.sleep(STILL_MS / 1000 + 4 * LOOK_S)
        assert one.delivery.stalled == {"one": Stall.TURN}
        await one.delivery.stop(1)

    played(main)
