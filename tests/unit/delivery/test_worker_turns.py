"""A worker's turns in virtual time: when it waits, what follows a fault, what is written at the end."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import orjson
import pytest
from structlog.testing import capture_logs

from forwarder import metrics
from forwarder.delivery.scheduler.scheduler import Scheduler
from forwarder.delivery.sending import ResponseRecorder
from forwarder.delivery.turns import FAULT_RETRY_S
from forwarder.delivery.worker import SPOOL_RETRY_S
from forwarder.errors import SpoolFull
from tests.support.simulation.failing import Failing, faults
from tests.support.simulation.lines import NOW, event
from tests.support.simulation.serving import Play, Serving
from tests.support.simulation.virtual import VirtualLoop


def test_a_worker_sleeps_until_something_is_due_or_comes(
    played: Play, monkeypatch: pytest.MonkeyPatch
) -> None:
    turns: list[float] = []
    due = Scheduler.due

    def noted(self: Scheduler, now: int, more: bool) -> Any:
        turns.append(now - NOW)
        return due(self, now, more)

    monkeypatch.setattr(Scheduler, "due", noted)
    answers = [
        httpx.Response(503),
        httpx.Response(429, json={"throttled_users": {"u1": 31}}),
        httpx.Response(200, json={"code": 200}),
    ]

    async def main(loop: VirtualLoop) -> None:
        one = Serving(loop, answer=lambda _: answers.pop(0))
        await one.delivery.start()
        await asyncio.sleep(0.5)
        one.accept(1)
        await asyncio.sleep(40)
        assert not answers
        assert len(turns) < 40, "it looks for what an operator sends again, and does not spin"
        assert any(30_400 < at < 33_000 for at in turns)
        await one.delivery.stop(1)

    played(main)


def test_a_batch_goes_when_its_linger_is_over(played: Play) -> None:
    async def main(loop: VirtualLoop) -> None:
        one = Serving(loop, linger_ms=50)
        await one.delivery.start()
        await asyncio.sleep(0.5)
        one.accept(1)
        await asyncio.sleep(0.04)
        assert one.arrived == []
        await asyncio.sleep(0.02)
        assert one.arrived == ["m1"]
        await one.delivery.stop(1)

    played(main)


def test_batches_fill_while_more_is_at_hand(played: Play, monkeypatch: pytest.MonkeyPatch) -> None:
    requests: list[int] = []

    def take(request: httpx.Request) -> httpx.Response:
        requests.append(len(orjson.loads(request.content)["events"]))
        return httpx.Response(200, json={"code": 200})

    async def main(loop: VirtualLoop) -> None:
        monkeypatch.setattr("forwarder.delivery.feed.PLAN_EVENTS", 2)
        one = Serving(loop, answer=take)
        one.spool.kept.events += [event(seq, f"u{seq}") for seq in (1, 2, 3)]
        await one.delivery.start()
        await asyncio.sleep(0.5)
        assert requests == [3]
        await one.delivery.stop(1)

    played(main)


def test_slices_of_time_cost_no_time(played: Play, monkeypatch: pytest.MonkeyPatch) -> None:
    async def main(loop: VirtualLoop) -> None:
        monkeypatch.setattr("forwarder.delivery.feed.Slice.spent", lambda *_: True)
        one = Serving(loop, "sliced")
        await one.delivery.start()
        one.accept(1, 2, 3)
        await asyncio.sleep(0.1)
        assert one.arrived == ["m1", "m2", "m3"]
        assert faults("sliced", "turn") == 0
        await one.delivery.stop(1)

    played(main)


def test_a_spool_that_cannot_be_written_is_tried_again_after_a_pause(played: Play) -> None:
    async def main(loop: VirtualLoop) -> None:
        one = Serving(loop, "unwritten")
        await one.delivery.start()
        settle = one.spool.settle = Failing(loop, one.spool.settle, 3, SpoolFull("full", 1))
        worker = one.worker("unwritten")
        with capture_logs() as logs:
            one.accept(1)
            await asyncio.sleep(SPOOL_RETRY_S)
            assert 0 < worker.look().failing_since <= one.now()
            one.accept(2)
            await asyncio.sleep(10)
        assert settle.gaps[:3] == [SPOOL_RETRY_S] * 3, "what comes meanwhile wakes nobody"
        assert one.arrived == ["m1", "m2"]
        assert [(line["event"], line["destination"], line["why"]) for line in logs] == [
            ("the spool cannot be written", "unwritten", "full")
        ] * 3
        assert worker.look().failing_since == 0
        assert worker.look().turned_at >= NOW + SPOOL_RETRY_S * 3_000
        assert one.spool.kept.destinations["unwritten"].cursor == 2
        assert faults("unwritten", "turn") == 0
        await one.delivery.stop(1)

    played(main)


def test_after_a_fault_of_ours_delivery_begins_anew_from_the_spool_and_waits_longer_each_time(
    played: Play,
) -> None:
    async def main(loop: VirtualLoop) -> None:
        one = Serving(loop, "anew")
        await one.delivery.start()
        read = one.spool.read = Failing(loop, one.spool.read, 6, ZeroDivisionError())
        one.worker("anew").feed._tail.extend = Failing(loop, None, 1, ZeroDivisionError())
        one.accept(1)
        with capture_logs() as logs:
            await asyncio.sleep(0.05)
            assert one.worker("anew").look().failing_since > 0
            await asyncio.sleep(100)
        assert [line["where"] for line in logs if "fault" in line] == ["turn"] * 6
        assert all(line["fault"].startswith("ZeroDivisionError at ") for line in logs if "fault" in line)
        assert read.gaps[:6] == pytest.approx(
            [*FAULT_RETRY_S, FAULT_RETRY_S[-1], FAULT_RETRY_S[-1]], abs=0.01
        )
        assert one.arrived == ["m1"]
        assert (faults("anew", "turn"), faults("anew", "hear")) == (6, 1)
        assert len(one.spool.attached) == 7, "each time it asks where the spool stands"
        await one.delivery.stop(1)

    played(main)


def test_a_fault_over_an_answer_has_the_batch_tried_once_more_and_then_given_up(
    played: Play, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def main(loop: VirtualLoop) -> None:
        one = Serving(loop, "answer")

        def fails(*_: object) -> Any:
            raise KeyError("bob")

        monkeypatch.setattr(Scheduler, "answered", fails)
        await one.delivery.start()
        with capture_logs() as logs:
            one.accept(1)
            await asyncio.sleep(60)
        assert one.arrived == ["m1", "m1"]
        [letter] = one.spool.kept.destinations["answer"].dead.values()
        assert letter.reason.startswith("our fault: KeyError at ")
        assert faults("answer", "answer") == 2
        assert all("bob" not in str(line) for line in logs)
        await one.delivery.stop(1)

    played(main)


def test_a_fault_while_an_answer_is_recorded_costs_the_record_alone(
    played: Play, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def main(loop: VirtualLoop) -> None:
        one = Serving(loop, "record")

        def fails(*_: object) -> Any:
            raise KeyError("bob")

        monkeypatch.setattr(ResponseRecorder, "answered", fails)
        await one.delivery.start()
        one.accept(1)
        await asyncio.sleep(1)
        assert (one.arrived, one.spool.kept.destinations["record"].cursor) == (["m1"], 1)
        assert faults("record", "note") == 1
        monkeypatch.setattr(ResponseRecorder, "fault", fails)
        one.accept(2)
        await asyncio.sleep(1)
        assert (one.arrived, one.spool.kept.destinations["record"].cursor) == (["m1", "m2"], 2)
        await one.delivery.stop(1)

    played(main)


def test_an_answer_that_got_lost_has_everything_begin_anew(
    played: Play, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def main(loop: VirtualLoop) -> None:
        one = Serving(loop, "lost")
        await one.delivery.start()
        requests = one.worker("lost")._requests
        requests._answered = Failing(loop, requests._answered, 1, KeyError("bob"))
        one.accept(1)
        await asyncio.sleep(1)
        assert (one.arrived, faults("lost", "post")) == (["m1", "m1"], 1)
        assert one.spool.kept.destinations["lost"].cursor == 1
        assert len(one.spool.attached) == 2
        await one.delivery.stop(1)

    played(main)


def test_what_is_under_way_is_cut_off_before_delivery_begins_anew(played: Play) -> None:
    asked: list[str] = []

    async def main(loop: VirtualLoop) -> None:
        async def answer(request: httpx.Request) -> httpx.Response:
            asked.append(orjson.loads(request.content)["events"][0]["insert_id"])
            if len(asked) == 1:
                await asyncio.sleep(20)
            return httpx.Response(200, json={"code": 200})

        one = Serving(loop, answer=answer)
        await one.delivery.start()
        one.accept(1)
        await asyncio.sleep(1)
        worker = one.worker()
        assert worker.look().request_since == NOW + 1 or worker.look().request_since > 0
        worker.renew()
        await asyncio.sleep(1)
        assert (asked, one.spool.kept.destinations["one"].cursor) == (["m1", "m1"], 1)
        assert worker.look().request_since == 0
        await asyncio.sleep(60)
        assert len(asked) == 2
        await one.delivery.stop(1)

    played(main)


def test_an_answer_to_an_earlier_scheduler_is_passed_over(played: Play) -> None:
    async def main(loop: VirtualLoop) -> None:
        one = Serving(loop)
        await one.delivery.start()
        one.accept(1)
        await asyncio.sleep(1)
        worker, counted = one.worker(), metrics.REQUESTS.values()
        for broken, scheduler in ((False, object()), (True, worker._scheduler)):
            worker._broken = broken
            worker._answered(scheduler, None, None)
        worker._broken = False
        assert metrics.REQUESTS.values() == counted
        assert faults("one", "answer") == 0
        await one.delivery.stop(1)

    played(main)


def test_the_watchdog_sees_what_is_so(played: Play) -> None:
    async def main(loop: VirtualLoop) -> None:
        async def hang(_: httpx.Request) -> httpx.Response:
            await asyncio.sleep(10)
            return httpx.Response(200, json={"code": 200})

        one = Serving(loop, answer=hang)
        await one.delivery.start()
        worker = one.worker()
        await asyncio.sleep(2)
        look = worker.look()
        assert (look.now, look.turn_since, look.failing_since) == (one.now(), 0, 0)
        assert (look.holds_events, look.at_rest, look.read_to, look.first_left) == (False, True, 0, 0)
        assert look.timeout_ms == 30_000
        assert look.wake_at is not None, "an operator's dead letters are looked for"
        one.accept(1)
        await asyncio.sleep(2)
        look = worker.look()
        assert (look.holds_events, look.at_rest, look.read_to) == (True, False, 1)
        assert NOW + 2_000 <= look.request_since <= NOW + 2_100
        held = asyncio.Event()

        async def silent(*_: Any) -> Any:
            await held.wait()

        one.spool.settle, settle = silent, one.spool.settle
        await asyncio.sleep(9)
        look = worker.look()
        assert NOW + 12_000 <= look.turn_since <= NOW + 12_100
        one.spool.settle = settle
        await one.delivery.abandon()

    played(main)
