"""What is sent of a batch, and what metrics and log say of the response."""

import asyncio
from typing import Any

import httpx
import orjson
import pytest
import structlog
from prometheus_client import REGISTRY
from structlog.testing import capture_logs

from forwarder import metrics
from forwarder.amplitude.wire.endpoints import Endpoint
from forwarder.amplitude.wire.responses import Action, Decision, UpstreamResponse
from forwarder.delivery import DestinationRoute
from forwarder.delivery.clock import MonotonicClock
from forwarder.delivery.in_flight import RequestsInFlight
from forwarder.delivery.scheduler.batch import Batch
from forwarder.delivery.scheduler.scheduler import Scheduler
from forwarder.delivery.sending import OUR_FAULT, ResponseRecorder, label_of, send_batch
from tests.support.simulation.lines import NOW, OK, event, line
from tests.support.simulation.planner import Planner


class Project(Planner):
    """A destination with keys and addresses of its own."""

    api_key, secret_key = "the-api-key-of-it", "the-secret-key-of-it"
    url = staticmethod(lambda endpoint: f"http://amplitude.test{endpoint}")  # type: ignore[assignment]


def a_batch(*kinds: str, at: int = NOW) -> tuple[Scheduler, Batch]:
    one = line()
    one.loader.take([event(n, f"u{n}", kind, at=at + n) for n, kind in enumerate(kinds, start=1)], NOW)
    [batch] = one.due(NOW + 9, False)
    return one, batch


async def test_a_batch_goes_to_its_endpoint_with_its_options_and_the_keys() -> None:
    seen: list[httpx.Request] = []

    def take(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(200, content=b"took the-api-key-of-it and the-secret-key-of-it")

    _, batch = a_batch("short", "short")
    async with httpx.AsyncClient(transport=httpx.MockTransport(take)) as http:
        found = await send_batch(http, Project(), batch, 4_000)
    assert found == UpstreamResponse(200, b"took [key] and [key]")
    [request] = seen
    assert str(request.url) == f"http://amplitude.test{Endpoint.HTTPAPI}"
    sent = orjson.loads(request.content)
    assert sent["api_key"] == Project.api_key
    assert [one["insert_id"] for one in sent["events"]] == ["m1", "m2"]
    assert sent["options"] == {"min_id_length": 1}
    assert request.extensions["timeout"]["read"] == 4.0


async def test_a_fault_of_ours_is_an_answer_that_says_so() -> None:
    class Lost(Project):
        url = staticmethod(lambda endpoint: dict[Any, str]()[endpoint])

    async with httpx.AsyncClient() as http:
        found = await send_batch(http, Lost(), a_batch("track")[1], 4_000)
    assert (found.status, found.failure) == (0, "fault")
    assert found.body.startswith(b"KeyError at ")


def counted(name: str) -> dict[tuple[str, ...], int]:
    every = {**metrics.REQUESTS.values(), **metrics.FAULTS.values(), **metrics.NEAR_EXPIRY.values()}
    return {labels[1:]: number for labels, number in every.items() if labels[0] == name}


def recorded(name: str, one: Scheduler, batch: Batch, answer: UpstreamResponse, now: int = NOW) -> list[Any]:
    """Have an answer acted upon and recorded; return what was logged."""
    with capture_logs() as logs:
        recorder = ResponseRecorder(name, lambda: now, structlog.stdlib.get_logger())
        recorder.answered(batch, answer, one.answered(batch, answer, now), one.retry_policy)
    return logs


def latency(name: str, of: str) -> float | None:
    return REGISTRY.get_sample_value(f"forwarder_delivery_seconds_{of}", {"destination": name})


def test_an_accepted_batch_is_counted_with_the_time_since_its_oldest_event_came() -> None:
    logs = recorded("accepted", *a_batch("track", "track", at=NOW), OK, NOW + 2_501)
    assert logs == []
    assert counted("accepted") == {("httpapi", "200"): 1}
    assert (latency("accepted", "count"), latency("accepted", "sum")) == (1, 2.5)
    recorded("early", *a_batch("track"), OK, NOW - 60_000)
    assert latency("early", "sum") == 0, "the clock went back"


@pytest.mark.parametrize(
    ("answer", "label"),
    [
        (UpstreamResponse(100), "100"),
        (UpstreamResponse(599), "599"),
        (UpstreamResponse(600), "other"),
        (UpstreamResponse(99), "other"),
        (UpstreamResponse(0, b"ConnectError", "unreachable"), "unreachable"),
    ],
)
def test_labels_of_answers_are_bounded(answer: UpstreamResponse, label: str) -> None:
    name = f"bounded-{label}-{answer.status}"
    recorded(name, *a_batch("track"), answer)
    assert counted(name) == {("httpapi", label): 1}


def test_the_log_says_how_many_were_not_taken_and_why_and_names_nobody() -> None:
    said = {"events_with_invalid_fields": {"time": [0], "user_id": [1]}, "error": "bob@example.com"}
    one, batch = a_batch("track", "track", "track")
    [logged] = recorded("refused", one, batch, UpstreamResponse(400, orjson.dumps(said)))
    assert logged == {
        "event": "not all was taken",
        "log_level": "warning",
        "endpoint": "httpapi",
        "items": 3,
        "answer": 400,
        "error": None,
        "why": {"invalid time": 1, "invalid user_id": 1, "resend": 1},
    }


def test_the_log_says_what_the_system_said_where_no_answer_came() -> None:
    one, batch = a_batch("track", "track")
    why = b"\xff" + b"x" * 300
    [logged] = recorded("broken", one, batch, UpstreamResponse(0, why, "broken"))
    assert (logged["answer"], logged["error"], logged["why"]) == (
        "broken",
        "\ufffd" + "x" * 199,
        {"broken": 2},
    )


def test_what_is_taken_does_not_stand_among_what_is_not() -> None:
    _, batch = a_batch("track", "track")
    policy = line().retry_policy
    decisions = [Decision(Action.HOLD, "throttled", 5), Decision(Action.ACCEPTED)]
    with capture_logs() as logs:
        recorder = ResponseRecorder("partly", lambda: NOW, structlog.stdlib.get_logger())
        recorder.answered(batch, UpstreamResponse(429), decisions, policy)
    assert logs[0]["why"] == {"throttled": 1}


def test_a_fault_of_ours_is_counted_and_logged_with_its_place_and_no_more() -> None:
    one, batch = a_batch("track")
    [logged] = recorded("fault", one, batch, UpstreamResponse(0, b"KeyError at x.py:1: y", "fault"))
    assert logged == {
        "event": OUR_FAULT,
        "log_level": "error",
        "where": "post",
        "fault": "KeyError at x.py:1: y",
    }
    assert counted("fault") == {("httpapi", "fault"): 1, ("post",): 1}


def test_tries_near_the_end_of_amplitudes_memory_are_counted_once_and_logged() -> None:
    one, batch = a_batch("track", "track")
    one.retry_policy.near_expiry = 3
    logs = recorded("near", one, batch, OK)
    assert [(line["log_level"], line["events"]) for line in logs] == [("warning", 3)]
    assert counted("near") == {("httpapi", "200"): 1, (): 3}
    assert one.retry_policy.near_expiry == 0


def test_a_change_of_health_is_logged_once_as_good_or_bad_news() -> None:
    one = line(batch_events=1)
    one.loader.take([event(n, f"u{n}") for n in range(1, 5)], NOW)
    batches = one.due(NOW, False)
    with capture_logs() as logs:
        recorder = ResponseRecorder("health", lambda: NOW, structlog.stdlib.get_logger())
        for batch, answer in zip(batches, [UpstreamResponse(503)] * 3 + [OK], strict=True):
            recorder.answered(batch, answer, one.answered(batch, answer, NOW), one.retry_policy)
    said = [
        (line["log_level"], line["event"], line["why"])
        for line in logs
        if line["event"].startswith("destination is")
    ]
    assert said == [("error", "destination is down", "status 503"), ("info", "destination is well", "")]


@pytest.mark.parametrize(
    ("decision", "label"),
    [
        (Decision(Action.DEAD, "refused: bob@example.com: x"), "refused"),
        (Decision(Action.RETRY, "status 500"), "status 500"),
        (Decision(Action.RESEND), "resend"),
        (Decision(Action.DEAD, ":bob"), "dead"),
    ],
)
def test_a_label_is_the_reasons_part_that_is_one_of_a_few(decision: Decision, label: str) -> None:
    assert label_of(decision) == label


# -- under way


class Requests:
    """Requests under way to an Amplitude that answers when it is let."""

    def __init__(self, http: httpx.AsyncClient, fails_over: tuple[int, ...] = ()) -> None:
        self.fails_over = fails_over
        self.clock = MonotonicClock(lambda: NOW)
        self.clock._ahead += 5_000
        self.answers: list[tuple[Scheduler, Batch, UpstreamResponse]] = []
        self.failures: list[BaseException] = []
        self.one = RequestsInFlight(
            DestinationRoute("way", Project()), http, self.clock, self.answered, self.failures.append
        )

    def answered(self, scheduler: Scheduler, batch: Batch, answer: UpstreamResponse) -> None:
        self.answers.append((scheduler, batch, answer))
        if answer.status in self.fails_over:
            raise ZeroDivisionError("whoever hears of it fails")


async def test_each_request_has_its_answer_and_the_oldest_is_known() -> None:
    let = asyncio.Event()

    async def answer(request: httpx.Request) -> httpx.Response:
        if b'"m1"' in request.content:
            await let.wait()
        return httpx.Response(200, json={"code": 200})

    async with httpx.AsyncClient(transport=httpx.MockTransport(answer)) as http:
        under = Requests(http)
        assert under.one.oldest_since == 0
        await under.one.wait(5)
        first, second = a_batch("track"), a_batch("track")
        under.one.start(*first)
        since = under.one.oldest_since
        assert since >= NOW + 5_000
        under.clock._ahead += 1_000
        under.one.start(*second)
        assert under.one.oldest_since == since
        await under.one.wait(0.01)
        assert under.answers == []
        let.set()
        await under.one.wait(5)
        assert [(one, batch) for one, batch, _ in under.answers] == [first, second]
        assert {answer.status for _, _, answer in under.answers} == {200}
        assert under.one.oldest_since == 0
    assert under.failures == []


@pytest.mark.parametrize("fails_over", [(), (0,)])
async def test_what_is_cut_off_may_have_arrived(fails_over: tuple[int, ...]) -> None:
    async def hang(_: httpx.Request) -> httpx.Response:
        await asyncio.sleep(60)
        raise AssertionError

    async with httpx.AsyncClient(transport=httpx.MockTransport(hang)) as http:
        under = Requests(http, fails_over)
        scheduler, batch = a_batch("track")
        under.one.start(scheduler, batch)
        await under.one.wait(0.01)
        await under.one.cut_off()
    assert under.answers == [(scheduler, batch, UpstreamResponse(0, b"stopped", "broken"))]
    assert (len(under.failures), under.one.oldest_since) == (len(fails_over), 0)
    assert not under.one._tasks, "it is forgotten"


async def test_an_answer_that_cannot_be_handed_on_is_told_as_a_failure() -> None:
    transport = httpx.MockTransport(lambda _: httpx.Response(500))
    async with httpx.AsyncClient(transport=transport) as http:
        under = Requests(http, (500,))
        under.one.start(*a_batch("track"))
        await under.one.wait(5)
        await under.one.cut_off()
    assert [type(error) for error in under.failures] == [ZeroDivisionError]
    assert len(under.answers) == 1
