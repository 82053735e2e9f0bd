"""The Live page and its stream: what comes, what ends, and that nothing is fed without bounds."""

import asyncio
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest

from forwarder import metrics
from forwarder.config.settings import Settings
from forwarder.console import Shown, live, live_feed
from forwarder.console.live_feed import MOST_ROWS, LiveFeed, Viewer
from forwarder.console.rows import Row
from forwarder.history.latest import upto_now
from forwarder.history.listing import Position
from forwarder.http.sending import CONNECTION, is_leaving
from forwarder.spool import Settlement, Spool
from forwarder.spool.event_keys import EventKeys
from forwarder.spool.history import Ended, TurnedAway
from tests.support.consoles import NOW, SETTINGS, console, filled, made
from tests.support.waiting import PATIENCE_S, until


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live_feed, "LOOK_S", 0.01)
    monkeypatch.setattr(live, "_LOOK_S", 0.02)


@pytest.fixture
async def spool(tmp_path: Path) -> AsyncIterator[Spool]:
    async with filled(tmp_path) as spool:
        yield spool


def feed_of(spool: Spool) -> LiveFeed:
    shown = Shown(spool, ["shop"], ["amplitude"], lambda *_: b"", lambda: NOW, settings=SETTINGS)
    return LiveFeed(lambda: shown)


def keys(viewer: Viewer) -> list[str]:
    return [row.key for row in viewer.rows]


@pytest.mark.parametrize(("come", "expected"), [(0, [0.01, 0.02, 0.04]), (100, [0.02, 0.02, 0.04])])
async def test_the_longer_a_look_takes_the_later_is_the_next(
    spool: Spool, come: int, expected: list[float]
) -> None:
    """Where other programs stretch both, looking takes no larger part of the time; within bounds.

    And where more events come than are shown it is half as often.
    """
    shown = Shown(spool, ["shop"], ["amplitude"], lambda *_: b"", lambda: NOW, settings=SETTINGS)
    times = iter((0.0, 0.0001, 1.0, 1.0005, 2.0, 3.0))
    waits: list[float] = []
    is_over = asyncio.Event()

    async def sleep(seconds: float) -> None:
        waits.append(seconds)
        if len(waits) == 4:
            is_over.set()
            await asyncio.Event().wait()
        if come:
            await spool.append([made(1000 * len(waits) + number) for number in range(come)], NOW)

    feed, viewer = LiveFeed(lambda: shown, lambda: next(times), sleep), Viewer()
    await feed.join(viewer, None)
    await asyncio.wait_for(is_over.wait(), PATIENCE_S)
    feed.leave(viewer)
    assert waits == pytest.approx([0.01, *expected])


async def test_the_page_shows_the_newest_first_and_can_be_filtered(spool: Spool) -> None:
    async with console(spool) as browser:
        text = (await browser.get("/console")).text
        assert re.findall(r'<tr id="(\w+)">', text)[:3] == ["i10003", "e8", "e7"]
        assert 'data-since="8-10003"' in text
        assert "delivered 84 ms" in text
        for wanted, found in (("died", ["e2"]), ("REJECTED", ["i10002", "i10001"]), ("nowhere", [])):
            text = (await browser.get("/console", params={"q": wanted})).text
            assert re.findall(r'<tr id="(\w+)">', text) == found
            assert ('id="live-empty" hidden' in text) == bool(found)
            assert "None of the newest events says" in text


async def test_the_page_says_how_to_send_the_first_event_and_that_history_is_off(tmp_path: Path) -> None:
    off = Settings.model_validate({"history": {"hours": 0}})
    from forwarder.spool import open_spool

    empty = await open_spool(tmp_path / "empty.db", max_events=10, max_bytes=1000)
    async with console(empty, off) as browser:
        text = (await browser.get("/console")).text
    await empty.close()
    assert "No event has come yet" in text
    assert "curl http://console.example/v1/track" in text
    assert "History is off" in text


async def test_viewers_get_what_comes_and_how_it_ends(spool: Spool) -> None:
    feed, viewer, filtered = feed_of(spool), Viewer(), Viewer("nothing says this")
    await feed.join(viewer, Position(7, 10_002))
    await feed.join(filtered, None)
    rows, chips, more = viewer.take()
    assert [row.key for row in rows] == ["e8", "i10003"], "what came after the page was made"
    assert chips["e1"][0].text == "delivered 84 ms", "how what it shows stands by now"
    assert more == 0
    filtered.take()
    await spool.append([made(9)], NOW + 70_000)
    spool.turn_away([TurnedAway(NOW + 70_001, "shop", "worse", "rejected", "no_event_name")])
    await spool.write_turned_away()
    await until(lambda: len(viewer.rows) >= 2)
    assert keys(viewer) == ["e9", "i20001"]
    assert [chip.text for row in viewer.rows for chip in row.chips] == ["waiting", "rejected: no event name"]
    ends = [Ended("delivered", "", 5, 9)]
    await spool.settle("amplitude", Settlement(9, ends=ends), NOW + 70_042)
    await until(lambda: len(viewer.states) >= 5)
    assert viewer.states["e9"][0].text == "delivered 42 ms"
    assert filtered.rows == []
    feed.leave(viewer)
    feed.leave(filtered)


async def test_after_a_deletion_what_ends_at_ingest_comes_all_the_same(spool: Spool) -> None:
    feed, viewer = feed_of(spool), Viewer()
    await feed.join(viewer, None)
    viewer.take()
    spool.bound_history(0, 0)
    await spool.expire(NOW)
    spool.bound_history(10**9, 10**9)
    spool.turn_away([TurnedAway(NOW, "shop", "worse", "rejected", "no_event_name")])
    await spool.write_turned_away()
    await until(lambda: [row.message_id for row in viewer.rows] == ["worse"])
    feed.leave(viewer)


async def test_what_a_viewer_got_when_it_joined_does_not_come_again(spool: Spool) -> None:
    feed, first, second = feed_of(spool), Viewer(), Viewer()
    since = await spool.look(upto_now)
    await feed.join(first, since)
    joining = asyncio.create_task(feed.join(second, since))
    for number in range(9, 40):
        await spool.append([made(number)], NOW + number)
    await joining
    await until(lambda: {"e39"} <= {*keys(first)} & {*keys(second)})
    expected = [f"e{number}" for number in range(9, 40)]
    assert keys(first) == expected
    assert keys(second) == expected
    feed.leave(first)
    feed.leave(second)


async def test_a_reader_that_does_not_keep_up_gets_the_newest_and_how_many_it_missed(spool: Spool) -> None:
    feed, viewer = feed_of(spool), Viewer()
    await feed.join(viewer, None)
    viewer.take()
    for burst in range(5):
        events = [made(number) for number in range(1000 + 100 * burst, 1100 + 100 * burst)]
        await asyncio.gather(*(spool.append([event], NOW) for event in events))
        last = 8 + 100 * (burst + 1)
        await until(lambda: viewer.upto is not None and viewer.upto.seq == last)  # noqa: B023
    assert len(viewer.rows) <= 2 * MOST_ROWS
    assert keys(viewer)[-1] == "e508"
    assert viewer.passed_over + len(viewer.rows) == 500
    feed.leave(viewer)


@pytest.mark.parametrize(("beside", "shown"), [(0, 50), (400, 20)])
def test_where_more_come_than_anybody_reads_fewer_are_shown(beside: int, shown: int) -> None:
    """The newest, with all of those that were turned away; the others are counted."""
    accepted = [Row(f"e{n}", "", n, n, "shop", f"m{n}", "Seen", EventKeys(), ()) for n in range(1, 51)]
    away = [Row(f"i{n}", "", n, n, "shop", f"m{n}", "Bad", EventKeys(), ()) for n in (1, 2)]
    viewer = Viewer()
    viewer.offer([*away, *accepted], {}, beside, Position(50, 2))
    assert keys(viewer) == ["i1", "i2", *(f"e{n}" for n in range(51 - shown, 51))]
    assert viewer.passed_over == beside + 50 - shown


def looks() -> list[str]:
    """Return the tasks that look at history."""
    return [name for task in asyncio.all_tasks() if "LiveFeed._look" in (name := repr(task.get_coro()))]


async def test_nobody_looks_where_nobody_watches(spool: Spool) -> None:
    feed, viewers = feed_of(spool), [Viewer(), Viewer()]
    assert looks() == []
    for viewer in viewers:
        await feed.join(viewer, None)
    assert len(looks()) == 1, "one look for all"
    feed.leave(viewers[0])
    assert len(looks()) == 1
    feed.leave(viewers[1])
    await until(lambda: not looks())


@pytest.mark.parametrize("name", ["news", "row_of"])
async def test_a_look_that_fails_is_counted_and_the_next_one_goes_on(
    name: str, spool: Spool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """``name``: what fails, when history is looked at or when what was found is made ready."""
    feed, viewer = feed_of(spool), Viewer()
    await feed.join(viewer, None)
    viewer.take()
    real, failed = getattr(live_feed, name), list[int]()

    def failing(*words: Any, **more: Any) -> Any:
        if not failed:
            failed.append(1)
            raise ValueError("damaged")
        return real(*words, **more)

    before = metrics.FAULTS.values().get(("", "live"), 0)
    monkeypatch.setattr(live_feed, name, failing)
    await spool.append([made(9)], NOW)
    await until(lambda: bool(failed))
    await spool.append([made(10)], NOW)
    await until(lambda: "e10" in keys(viewer))
    assert metrics.FAULTS.values().get(("", "live"), 0) == before + 1
    feed.leave(viewer)


Messages = list[dict[str, Any]]


async def streamed(browser: httpx.AsyncClient, **query: str) -> tuple[Messages, asyncio.Task[None]]:
    """Ask for the stream; return the messages as they come, and the task that ends with it."""
    sent: Messages = []
    transport: Any = browser._transport
    cookie = "; ".join(f"{name}={value}" for name, value in browser.cookies.items())
    scope = {
        "type": "http",
        "method": "GET",
        "path": "/console/live/stream",
        "http_version": "1.1",
        "query_string": str(httpx.QueryParams(query)).encode(),
        "scheme": "http",
        "headers": [(b"cookie", cookie.encode()), (b"host", b"console.example")],
    }

    async def receive() -> dict[str, Any]:
        await asyncio.Event().wait()
        return {}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    return sent, asyncio.create_task(transport.app(scope, receive, send))


def said(sent: Messages) -> str:
    return b"".join(message.get("body", b"") for message in sent).decode()


async def test_the_stream_brings_rows_as_markup_until_one_signs_out(spool: Spool) -> None:
    async with console(spool) as browser:
        sent, stream = await streamed(browser, since="7-10003")
        await until(lambda: "data: " in said(sent))
        headers = dict(sent[0]["headers"])
        assert headers[b"content-type"].startswith(b"text/event-stream")
        assert headers[b"cache-control"] == b"no-store"
        [message] = [part for part in said(sent).split("\n\n") if "data: " in part]
        place, data = message.split("\n")
        assert place == "id: 8-10003"
        news = orjson.loads(data.removeprefix("data: "))
        assert [re.findall(r'<tr id="(\w+)">', row) for row in news["rows"]] == [["e8"]]
        assert "&lt;b&gt;" in (await browser.get("/console/events")).text
        assert 'class="chip good"' in news["chips"]["e1"]
        assert not stream.done()
        await browser.post("/console/sign-out")
        await asyncio.wait_for(stream, 60)
    assert said(sent).endswith("event: over\ndata:\n\n")
    assert sent[-1]["more_body"] is False


async def test_the_stream_is_for_those_who_are_signed_in_and_not_for_too_many(
    spool: Spool, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with console(spool) as browser:
        monkeypatch.setattr(live_feed, "MOST_VIEWERS", 0)
        assert (await browser.get("/console/live/stream")).status_code == 503
        browser.cookies.clear()
        assert (await browser.get("/console/live/stream", headers={"accept": "*/*"})).status_code == 401


def test_a_stream_sees_that_the_process_stops() -> None:
    class Connection:
        leaving = False

    connection = Connection()
    scope = {CONNECTION: connection}
    assert not is_leaving(scope)
    assert not is_leaving({})
    connection.leaving = True
    assert is_leaving(scope)
