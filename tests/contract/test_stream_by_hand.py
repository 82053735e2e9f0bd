"""What hands may do to a stream: purge and delete it, tried with a real NATS server."""

from typing import Any

import pytest
from nats.js.errors import NotFoundError
from structlog.typing import EventDict

from forwarder.errors import SpoolUnavailable
from forwarder.spool import Settlement, Spool
from tests.support.spools import NOW, Where, event, names, opened
from tests.support.streams import busy, by_hand, elsewhere, everything, tells
from tests.support.waiting import until


async def append_in_the_end(spool: Spool, *ids: str) -> list[bool]:
    """Append as senders do: again until the stream is whole."""
    found: list[bool] = []

    async def is_mended() -> bool:
        try:
            found[:] = await spool.append([event(one) for one in ids], NOW)
        except SpoolUnavailable as away:
            if away.code not in ("stream_incomplete", "stream_silent"):
                raise
            return False
        return True

    await until(is_mended)
    return found


@pytest.mark.usefixtures("watchful")
@pytest.mark.parametrize("deleted", [False, True], ids=["purged", "deleted"])
@pytest.mark.parametrize("how", ["idle", "busy"])
async def test_what_was_taken_out_is_written_again(
    here: Where, said: list[EventDict], deleted: bool, how: str
) -> None:
    async with opened(here) as spool:
        await busy(spool)
        known: Any = await everything(spool)
        async with by_hand(here) as (jetstream, name):
            await (jetstream.delete_stream(name) if deleted else jetstream.purge_stream(name))
        added: list[str] = []
        if how == "busy":  # nothing ever waits for long, and the stream is never looked at for that
            while not tells(said, "the stream holds everything again"):
                added.append(f"more-{len(added)}")
                assert await append_in_the_end(spool, added[-1]) in ([True], [False])
        await until(lambda: tells(said, "the stream holds everything again"))
        assert tells(said, "purged or deleted by hand; writing everything into it again") == 1
        assert await append_in_the_end(spool, "waits", "last") == [False, True]
        assert spool.failure is None
    async with opened(elsewhere(here)) as spool:
        found: Any = await everything(spool)
        assert found[1:3] == known[1:3], "lanes and dead letters are as they were"
        assert [one.message_id for one in found[0]] == ["waits", *added, "last"]
        assert [one.seq for one in found[0]] == list(range(41, 43 + len(added)))
        assert await spool.append([event("waits"), event("new")], NOW) == [False, True]


async def test_what_was_purged_while_nobody_served_is_lost_and_warned_of(
    here: Where, said: list[EventDict]
) -> None:
    async with opened(here) as spool:
        await busy(spool)
    async with by_hand(here) as (jetstream, name):
        await jetstream.purge_stream(name)
    async with opened(elsewhere(here)) as spool:
        assert tells(said, "what it held is lost, and the counts begin anew") == 1
        await spool.attach(["one"])
        counts = (await spool.counts()).destinations["one"]
        assert (counts.accepted, counts.waiting, counts.redriven, counts.ended) == (0, 0, 0, {})
        assert await spool.append([event("m1"), event("new")], NOW) == [True, True]
        assert names(await spool.read(0, 10)) == ["m1", "new"]
        counts = (await spool.counts()).destinations["one"]
        assert (counts.accepted, counts.waiting) == (2, 2)
    said.clear()
    async with opened(here) as spool:
        assert not tells(said, "the counts begin anew"), "it was said once"
        assert (await spool.counts()).destinations["one"].accepted == 2


async def test_behind_half_a_purge_new_events_are_delivered(here: Where, said: list[EventDict]) -> None:
    """Numbers go on behind what the destinations have passed, and the counts add up."""
    async with opened(here) as spool:
        await spool.attach(["one"])
        for number in range(10):
            await spool.append([event(f"m{number}")], NOW)
        await spool.settle("one", Settlement(8, ended={("delivered", ""): 8}), NOW)
    async with by_hand(here) as (jetstream, name):
        last = (await jetstream.stream_info(name)).state.last_seq
        await jetstream.purge_stream(name, seq=last)  # which leaves the last settlement alone
    async with opened(elsewhere(here)) as spool:
        assert tells(said, "the counts begin anew") == 1
        assert (await spool.attach(["one"]))["one"] == 8
        await spool.append([event("new")], NOW)
        found = await spool.read(8, 10)
        assert names(found) == ["new"]
        assert found[0].seq > 8
        counts = (await spool.counts()).destinations["one"]
        assert counts.accepted == sum(counts.ended.values()) - counts.redriven + counts.waiting


async def test_a_deleted_stream_is_made_again_with_a_warning(here: Where, said: list[EventDict]) -> None:
    async with opened(here) as spool:
        await spool.append([event("a")], NOW)
    async with by_hand(here) as (jetstream, name):
        await jetstream.delete_stream(name)
        with pytest.raises(NotFoundError):
            await jetstream.stream_info(name)
    async with opened(here) as spool:
        assert tells(said, "the stream was deleted and is made again, empty") == 1
        assert await spool.append([event("new")], NOW) == [True]
