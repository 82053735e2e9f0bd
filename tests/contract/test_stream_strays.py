"""Messages in a stream that no forwarder wrote, tried with a real NATS server."""

import pytest
from prometheus_client import REGISTRY
from structlog.typing import EventDict

from forwarder.spool.jetstream import message, replication
from tests.support.spools import NOW, Where, event, names, opened
from tests.support.streams import busy, by_hand, elsewhere, everything, publish
from tests.support.waiting import until


def strays() -> float:
    """Return how many stray messages were counted."""
    return REGISTRY.get_sample_value("forwarder_stream_stray_messages_total") or 0.0


@pytest.mark.parametrize("stray", [b"x", b"", b"\x96\x01\x02", b"{}"])
async def test_strays_are_passed_over_and_counted(here: Where, said: list[EventDict], stray: bytes) -> None:
    async with opened(here) as spool:
        assert await spool.append([event("a")], NOW) == [True]
        counted = strays()
        await publish(here, stray)
        await publish(here, stray)
        assert await spool.append([event("a"), event("b")], NOW) == [False, True]
        assert strays() == counted + 2
        assert [line["message"] for line in said if "no forwarder wrote" in line["event"]] == [3, 4]
    async with opened(elsewhere(here)) as spool:
        assert names(await spool.read(0, 10)) == ["a", "b"]
        assert await spool.append([event("b"), event("c")], NOW) == [False, True]
        assert strays() == counted + 4


@pytest.mark.usefixtures("watchful")
async def test_an_idle_writer_passes_over_strays_too(here: Where) -> None:
    async with opened(here) as spool:
        await spool.append([event("a")], NOW)
        counted = strays()
        await publish(here, b"x")
        await until(lambda: strays() == counted + 1)
        assert await spool.append([event("b")], NOW) == [True]


@pytest.mark.parametrize("taken_out", [False, True])
@pytest.mark.parametrize("snapshot_bytes", [2_000, 10**6])
async def test_strays_at_the_end_keep_nobody_from_serving(
    here: Where, taken_out: bool, snapshot_bytes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replication, "SNAPSHOT_BYTES", snapshot_bytes)
    async with opened(here) as spool:
        await busy(spool)
        known = await everything(spool)
    await publish(here, b"x")
    await publish(here, b"y")
    if taken_out:
        async with by_hand(here) as (jetstream, name):
            last = (await jetstream.stream_info(name)).state.last_seq
            await jetstream.delete_msg(name, last)
            await jetstream.delete_msg(name, last - 1)
    tool = await here.open(tool=True)
    assert await tool.dead()
    await tool.close()
    async with opened(elsewhere(here)) as spool:
        assert await everything(spool) == known
        assert await spool.append([event("waits"), event("new")], NOW) == [False, True]


@pytest.mark.parametrize("part", [0, 1])
async def test_half_a_record_is_passed_over(here: Where, part: int) -> None:
    """Its writer died over it, or its first half was let go of."""
    async with opened(here) as spool:
        await spool.append([event("a")], NOW)
    await publish(here, message.encode(message.Message("died", 7, part, 2, 0, b"\x91\xc1")))
    async with opened(elsewhere(here)) as spool:
        assert names(await spool.read(0, 10)) == ["a"]
        assert await spool.append([event("b")], NOW) == [True]
    async with opened(here) as spool:
        assert names(await spool.read(0, 10)) == ["a", "b"]
