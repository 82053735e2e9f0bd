"""Opening a stream: how it is made, refused and waited for, over a stream in memory."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import nats.errors
import pytest
from nats.js.api import DiscardPolicy, RetentionPolicy
from nats.js.errors import APIError, BadRequestError, ServiceUnavailableError
from structlog.testing import capture_logs

from forwarder.errors import SpoolDamaged
from forwarder.spool.jetstream import opening, stream
from tests.support.fake_stream import PLACE, FakeConnection, FakeStream, connected
from tests.support.simulation.virtual import VirtualLoop, play_alone

BOUNDS = "max_msgs", "max_bytes", "max_msgs_per_subject"


# -- the stream itself


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ({}, ""),
        ({"max_msgs": 5}, ""),
        (
            {"max_msgs": None, "max_bytes": None, "max_msgs_per_subject": None, "discard": DiscardPolicy.OLD},
            "",
        ),
        ({**dict.fromkeys(BOUNDS, 0), "discard": DiscardPolicy.OLD}, ""),
        ({"subjects": ["other"]}, "other subjects"),
        ({"subjects": [PLACE.log, "other"]}, "other subjects"),
        ({"max_msgs": 1, "discard": DiscardPolicy.OLD}, "forgets events"),
        ({"max_bytes": 1, "discard": DiscardPolicy.OLD}, "forgets events"),
        ({"max_msgs_per_subject": 1, "discard": DiscardPolicy.OLD}, "forgets events"),
        ({"max_age": 1}, "forgets events"),
        ({"retention": RetentionPolicy.WORK_QUEUE}, "forgets events"),
    ],
)
async def test_a_stream_that_forgets_events_is_refused(config: dict[str, Any], said: str) -> None:
    connection = FakeConnection()
    connection.jetstream.config |= config
    if said:
        with pytest.raises(SpoolDamaged, match=said):
            await stream.is_there(connected(connection))
    else:
        assert await stream.is_there(connected(connection))


@pytest.mark.parametrize(("existed", "level"), [(True, "warning"), (False, "info")])
async def test_a_stream_is_made_as_it_has_to_be(existed: bool, level: str) -> None:
    connection = FakeConnection()
    connection.jetstream.there = False
    assert not await stream.is_there(connected(connection))
    with capture_logs() as logs:
        await stream.make(connected(connection), 3, existed=existed)
    assert connection.jetstream.made == {
        "name": "events",
        "subjects": [PLACE.log],
        "num_replicas": 3,
        "discard": DiscardPolicy.NEW,
    }
    assert [(line["log_level"], line["stream"]) for line in logs] == [(level, str(PLACE))]


# -- opening


@pytest.fixture
def connections(monkeypatch: pytest.MonkeyPatch) -> list[FakeConnection]:
    """What is connected to, each to the same stream."""
    made: list[FakeConnection] = []
    shared = FakeStream()

    def connect(place: object, token: str) -> FakeConnection:
        assert (place, token) == (PLACE, "token")
        one = FakeConnection(shared)
        one.patience = []  # type: ignore[attr-defined]

        async def open_(patience_s: float) -> None:
            one.patience.append(patience_s)  # type: ignore[attr-defined]

        one.open = open_  # type: ignore[attr-defined]
        made.append(one)
        return one

    monkeypatch.setattr(opening, "Connection", connect)
    return made


async def test_a_stream_that_is_missing_is_made_where_it_may_be(connections: list[FakeConnection]) -> None:
    fake: FakeStream = (await opening.open_log(PLACE, "token")).connection.jetstream  # type: ignore[assignment]
    fake.there = False
    with pytest.raises(SpoolDamaged, match="start the forwarder once"):
        await opening.open_log(PLACE, "token")
    assert [one.closed for one in connections] == [False, True]
    for existed, level in ((True, "warning"), (False, "info")):
        fake.there = False
        with capture_logs() as logs:
            log = await opening.open_log(PLACE, "token", 3, existed=existed)
        assert [line["log_level"] for line in logs] == [level]
    fake.there = False
    with capture_logs() as logs:
        log = await opening.open_log(PLACE, "token", 3)
    assert [line["log_level"] for line in logs] == ["info"]
    assert (fake.made["num_replicas"], log._replicas) == (3, 3)
    assert connections[-1].patience == [opening.CONNECT_S]  # type: ignore[attr-defined]


async def test_what_refuses_a_log_is_named(connections: list[FakeConnection]) -> None:
    log = await opening.open_log(PLACE, "token")
    log.connection.jetstream.raises = [BadRequestError(400, "no")]  # type: ignore[attr-defined]
    with pytest.raises(SpoolDamaged, match=f"^{PLACE} cannot be used: no; "):
        await opening.open_log(PLACE, "token")
    assert connections[1].closed


async def test_whether_a_stream_could_be_used_is_tried(connections: list[FakeConnection]) -> None:
    await opening.try_stream(PLACE, "token")
    assert connections[0].closed
    assert connections[0].jetstream.asked == ["account", "info"]
    assert connections[0].patience == [opening.TRY_S]  # type: ignore[attr-defined]
    connections[0].jetstream.raises = [ServiceUnavailableError(503, "JetStream not enabled")]
    with pytest.raises(SpoolDamaged, match=rf"{PLACE} .*: JetStream not enabled; NATS needs JetStream"):
        await opening.try_stream(PLACE, "token")
    connections[0].jetstream.raises = [OSError()]
    with pytest.raises(SpoolDamaged, match=r"no answer; look at NATS' own log"):
        await opening.try_stream(PLACE, "token")
    assert all(one.closed for one in connections)


def test_nats_is_waited_for_and_that_is_said_now_and_then(monkeypatch: pytest.MonkeyPatch) -> None:
    async def main(loop: VirtualLoop) -> None:
        monkeypatch.setattr(opening, "time", SimpleNamespace(monotonic=lambda: 1_000 + loop.time()))
        tries = 0

        async def answers() -> str:
            nonlocal tries
            tries += 1
            if tries < 125:
                raise OSError("away")
            return "yes"

        with capture_logs() as logs:
            assert await opening.patiently(PLACE, answers) == "yes"
        assert loop.time() == pytest.approx(62)
        assert [(line["stream"], line["why"]) for line in logs] == [(str(PLACE), "away")] * 3

    play_alone(main)


@pytest.mark.parametrize(
    ("error", "after_s"),
    [
        (APIError(400, "no"), 0),
        (APIError(499, "no"), 0),
        (BadRequestError(400, "no"), 0),
        (ServiceUnavailableError(503, "JetStream not enabled"), 10.5),
        (ServiceUnavailableError(), 10.5),
        (ServiceUnavailableError(503, "no leader"), None),
        (APIError(500, "no"), None),
        (APIError(), None),
        (nats.errors.TimeoutError(), None),
    ],
)
def test_what_waiting_does_not_mend_is_not_waited_for(
    error: Exception, after_s: float | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def main(loop: VirtualLoop) -> None:
        monkeypatch.setattr(opening, "time", SimpleNamespace(monotonic=lambda: 500 + loop.time()))

        async def fails() -> None:
            raise error

        try:
            async with asyncio.timeout(60):
                await opening.patiently(PLACE, fails)
        except SpoolDamaged as refused:
            assert str(refused) == str(opening.unusable(PLACE, error))  # noqa: PT017
            assert loop.time() == after_s
        except TimeoutError:
            assert after_s is None

    play_alone(main)


def test_what_an_operator_is_told_names_the_stream_and_the_mend() -> None:
    without = str(opening.unusable(PLACE, ServiceUnavailableError()))
    assert without == f"{PLACE} cannot be used: no answer; NATS needs JetStream (nats-server -js)"
    other = str(opening.unusable(PLACE, BadRequestError(400, "bad name")))
    assert other == f"{PLACE} cannot be used: bad name; look at NATS' own log"
    assert opening.reason(RuntimeError("closed")) == "closed"
