"""The Events pages: what is found, what an event's page says, and that hostile texts stay texts."""

import re
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from tests.support.consoles import HOSTILE, SESSION, console, filled


@pytest.fixture
async def operator(tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    async with filled(tmp_path) as spool, console(spool) as client:
        yield client


async def page(operator: httpx.AsyncClient, path: str, **query: str) -> str:
    answer = await operator.get(f"/console{path}", params=query)
    assert answer.status_code == 200, answer.text
    return answer.text


def keys(text: str) -> list[str]:
    return re.findall(r'<tr id="(\w+)">', text)


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({}, ["i10003", "e8", "e7", "e6", "e5", "e4", "e3", "e2", "e1", "i10002", "i10001"]),
        ({"user": "u1"}, ["e7", "e5", "e3", "e1", "i10001"]),
        ({"user": " u1 ", "outcome": "waiting"}, ["e7", "e5"]),
        ({"outcome": "dead"}, ["e2"]),
        ({"outcome": "duplicate"}, ["i10003"]),
        ({"outcome": "nonsense", "name": "Died"}, ["e2"]),
        ({"session": str(SESSION), "device": "d1", "name": "Seen"}, ["e8", "e7", "e6", "e5", "e1"]),
        ({"message": "m3"}, ["e3"]),
        ({"message": HOSTILE}, ["e4", "i10002"]),
        ({"since": "2026-09-21T14:13:25", "until": "2026-09-21T14:13:27Z"}, ["e6", "e5"]),
        ({"since": "1h", "source": "shop", "user": "u0"}, ["e8", "e6", "e2"]),
        ({"source": "another"}, []),
    ],
)
async def test_a_search_finds(operator: httpx.AsyncClient, query: dict[str, str], found: list[str]) -> None:
    text = await page(operator, "/events", **query)
    assert keys(text) == found
    assert ("No event of history is like that" in text) == (not found)


async def test_a_time_that_is_none_is_said_to_be(operator: httpx.AsyncClient) -> None:
    answer = await operator.get("/console/events", params={"since": "yesterday"})
    assert answer.status_code == 400
    assert "a time is needed there" in answer.text


async def test_pages_follow_each_other(operator: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch) -> None:
    first = await page(operator, "/events", at="3-10002")
    assert keys(first) == ["e2", "e1", "i10001"]
    for text in ("x", "1", "9" * 20 + "-1"):
        assert len(keys(await page(operator, "/events", at=text))) == 11


async def test_an_events_page_says_everything(operator: httpx.AsyncClient) -> None:
    text = await page(operator, "/events/1")
    for part in (
        *("delivered 84 ms", "3.2 s behind; times are corrected by +3,200 ms", "analytics.js 2.1"),
        *("page: the event brought its session id", "/2/httpapi", "+10 ms", "broken", "ReadTimeout", "200"),
        *(
            "after 40 ms",
            "+84 ms",
            "&#34;messageId&#34;: &#34;m1&#34;",
            "Way to amplitude",
            "api_key&#34;: &#34;...&#34;",
        ),
        *("2026-09-21T14:13:16.800Z", "type = &#34;track&#34;", f"session={SESSION}"),
    ):
        assert part in text, part
    assert "the-api-key" not in text
    assert "Nothing has been sent of it yet" in await page(operator, "/events/5")
    assert "dead: " in await page(operator, "/events/2")


async def test_an_event_that_ended_at_ingest_says_why(operator: httpx.AsyncClient) -> None:
    text = await page(operator, "/events/ingest/10001")
    assert "rejected: no event name" in text
    assert "&#34;userId&#34;: &#34;u1&#34;" in text
    text = await page(operator, "/events/ingest/10003")
    assert "within 24 hours" in text
    assert "contents are not kept" in text


async def test_what_is_no_more_is_404(operator: httpx.AsyncClient) -> None:
    for path in ("/events/99", "/events/0", "/events/ingest/1", "/events/ingest/99999999"):
        assert (await operator.get(f"/console{path}")).status_code == 404
    assert (await operator.get("/console/events/x")).status_code == 400


async def test_a_part_is_the_page_without_its_frame(operator: httpx.AsyncClient) -> None:
    answer = await operator.get("/console/events/1?part=1")
    assert "<header" not in answer.text
    assert "As it was kept" in answer.text
    assert 'href="/console/events/1"' in answer.text
    assert "default-src 'none'" in answer.headers["content-security-policy"]


@pytest.mark.parametrize(
    "path", ["/events", "/events/4", "/events/2", "/events/1", "/events/ingest/10002", "", "/events/4?part=1"]
)
async def test_hostile_texts_stay_texts(operator: httpx.AsyncClient, path: str) -> None:
    text = (await operator.get(f"/console{path}")).text
    assert all(line.replace("\t", "").isprintable() for line in text.split("\n")), path
    assert "<b>" not in text
    assert "\\u202e" in text


async def test_programs_get_the_same_events_as_json(operator: httpx.AsyncClient) -> None:
    program = {"accept": "application/json"}
    said = (await operator.get("/console/events", params={"user": HOSTILE}, headers=program)).json()
    [event] = said["events"]
    assert event["messageId"] == event["user"] == event["name"] == HOSTILE
    assert event["states"] == [{"text": "delivered 0 ms", "kind": "good"}]
    assert (event["path"], event["session"], said["older"]) == ("/events/4", str(SESSION), None)
