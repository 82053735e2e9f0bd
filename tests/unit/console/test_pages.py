"""The console's pages: nothing invisible, nothing from elsewhere, and every act leaves a line."""

import re
import sqlite3
from base64 import b64encode
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import closing
from typing import TypeVar, cast

import httpx
import pytest
from starlette.applications import Starlette
from structlog.testing import capture_logs

from forwarder.asgi import HANDLERS
from forwarder.console import Shown, console_routes
from forwarder.delivery.dead_letters import described
from forwarder.http.auth import RequireOperatorToken, WrongTokens
from forwarder.prefixes import BelowPrefix
from forwarder.spool import DeadLetter, Spool, StoredEvent
from forwarder.spool.sqlite.schema import migrate

T = TypeVar("T")
TOKEN = "t" * 16
HOSTILE = "\x1b]0;x\x07\x9b2J\u2028\u202e<b>"


class _Spool:
    """Dead letters in memory, those of even numbers of destination ``even``."""

    def __init__(self) -> None:
        self.numbers = [1]
        self.done: list[tuple[str, list[int]]] = []

    async def dead(
        self, destination: str | None = None, after: int = 0, limit: int = 1, number: int | None = None
    ) -> Sequence[DeadLetter]:
        found = [
            DeadLetter(
                one, name, 0, StoredEvent(1, 0, "demo", HOSTILE, b'{"event": "\\u202e"}'), HOSTILE, b"{}", b""
            )
            for one in self.numbers
            if one > after
            and number in (None, one)
            and destination in (None, name := "odd" if one % 2 else "even")
        ]
        return found[:limit]

    async def look(self, question: Callable[[sqlite3.Connection], T]) -> T:
        with closing(sqlite3.connect(":memory:")) as nothing:
            migrate(nothing, 0)
            return question(nothing)

    async def retry(self, numbers: list[int]) -> int:
        self.done.append(("retry", numbers))
        return len(numbers)

    async def drop(self, numbers: list[int]) -> int:
        self.done.append(("drop", numbers))
        return len(numbers)


@pytest.fixture
def spool() -> _Spool:
    return _Spool()


@pytest.fixture
async def client(spool: _Spool) -> AsyncIterator[httpx.AsyncClient]:
    shown = Shown(cast("Spool", spool), ["demo"], ["odd", "even"], described, lambda: 0)
    wrong = WrongTokens(lambda: 0)
    app = Starlette(
        routes=list(
            console_routes(
                lambda: shown, lambda app: RequireOperatorToken(app, lambda: TOKEN, wrong), lambda: TOKEN
            )
        ),
        exception_handlers=HANDLERS,
    )
    headers = {"authorization": "Basic " + b64encode(f"ada:{TOKEN}".encode()).decode()}
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(
        transport=transport, base_url="http://console.example", headers=headers
    ) as made:
        yield made


async def test_dead_letters_are_shown_safely(client: httpx.AsyncClient) -> None:
    for path in ("/console/dead/letters", "/console/dead/1"):
        text = (await client.get(path)).text
        assert all(line.replace("\t", "").isprintable() for line in text.split("\n")), path
        assert "\\u202e" in text
        assert "&lt;b&gt;" in text


async def test_pages_are_framed_by_nobody_and_tell_where_their_forms_come_from(
    client: httpx.AsyncClient,
) -> None:
    for path in ("/console/dead/letters", "/console/dead/1", "/console/style.css"):
        headers = (await client.get(path)).headers
        policy = headers["content-security-policy"].split("; ")
        for part in ("default-src 'none'", "form-action 'self'", "frame-ancestors 'none'", "base-uri 'none'"):
            assert part in policy
        # With no-referrer, browsers send "Origin: null" with the console's own forms.
        assert headers["referrer-policy"] == "same-origin"


async def test_nothing_of_the_console_is_kept_or_guessed_at(client: httpx.AsyncClient) -> None:
    answers = [
        await client.get("/console/dead/letters"),
        await client.get("/console/dead/9"),
        await client.get("/console/dead/x"),
        await client.get("/console/nothing"),
        await client.get("/console/dead/letters?after=x"),
        await client.get("/console/dead/drop"),
        await client.post("/console/dead"),
        await client.post("/console/dead/drop", headers={"sec-fetch-site": "cross-site"}),
        await client.post("/console/dead/drop", data={"number": "1"}),
        await client.get("/console/dead", headers={"authorization": "Bearer other"}),
    ]
    assert [answer.status_code for answer in answers] == [200, 404, 400, 404, 400, 400, 405, 403, 303, 401]
    for answer in answers:
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("path", ["/console/dead/drop", "/console/dead/retry"])
@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"sec-fetch-site": "same-origin"}, 303),
        ({"sec-fetch-site": "same-site"}, 403),
        ({"sec-fetch-site": "none"}, 403),
        ({"sec-fetch-site": "cross-site"}, 403),
        ({"sec-fetch-site": "same-site", "origin": "http://console.example"}, 403),
        ({"origin": "http://console.example"}, 303),
        ({"origin": "https://evil-console.example"}, 403),
        ({"origin": "https://console.example.evil.example"}, 403),
        ({"origin": "https://elsewhere.example"}, 403),
        ({"origin": "null"}, 403),
        ({"origin": ""}, 403),
        ({}, 303),
    ],
)
async def test_forms_come_from_the_console_itself(
    client: httpx.AsyncClient, spool: _Spool, path: str, headers: dict[str, str], status: int
) -> None:
    answer = await client.post(path, data={"number": "1"}, headers=headers)
    assert answer.status_code == status
    assert bool(spool.done) == (status == 303)


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE"])
async def test_links_and_prefetches_change_nothing(
    client: httpx.AsyncClient, spool: _Spool, method: str
) -> None:
    for path in ("/console/dead/drop", "/console/dead/retry"):
        answer = await client.request(method, f"{path}?number=1")
        assert answer.status_code in (400, 405), "a name is no dead letter"
    assert spool.done == []


def numbers_on(page: str) -> list[int]:
    return [int(part.partition('"')[0]) for part in page.split('name="number" value="')[1:]]


@pytest.mark.parametrize(("letters", "pages"), [(99, 1), (100, 1), (101, 2), (200, 2), (201, 3)])
async def test_every_dead_letter_can_be_reached(
    client: httpx.AsyncClient, spool: _Spool, letters: int, pages: int
) -> None:
    spool.numbers = list(range(1, letters + 1))
    found: list[int] = []
    path, seen = "/console/dead/letters", 0
    while path:
        page = (await client.get(path)).text
        found += numbers_on(page)
        seen += 1
        more = page.partition('">Later ones')[0].rpartition('<a href="')[2] if "Later ones" in page else ""
        path = f"/console/dead/letters{more}" if more else ""
    assert found == spool.numbers
    assert seen == pages


async def test_letters_of_one_destination_are_shown_alone(client: httpx.AsyncClient, spool: _Spool) -> None:
    spool.numbers = list(range(1, 301))
    page = (await client.get("/console/dead/letters?destination=even")).text
    assert numbers_on(page) == list(range(2, 201, 2))
    assert "?destination=even&amp;after=200" in page
    page = (await client.get("/console/dead/letters?destination=even&after=200")).text
    assert numbers_on(page) == list(range(202, 301, 2))


@pytest.mark.parametrize(
    ("act", "said"), [("retry", "dead letters sent again"), ("drop", "dead letters dropped")]
)
async def test_who_did_what_to_dead_letters_is_logged(
    client: httpx.AsyncClient, spool: _Spool, act: str, said: str
) -> None:
    spool.numbers = list(range(1, 101))
    with capture_logs() as lines:
        await client.post(f"/console/dead/{act}", data={"number": [str(one) for one in range(1, 101)]})
        await client.post(f"/console/dead/{act}", data={"number": "x"})
        await client.post(f"/console/dead/{act}", data={"number": "1"}, headers={"origin": "null"})
    assert spool.done == [(act, list(range(1, 101)))]
    [line] = lines
    assert (line["event"], line["operator"], line["letters"]) == (said, "ada", 100)
    assert line["numbers"] == list(range(1, 21))


@pytest.mark.parametrize("size", [65_537, 18_000_000, 40_000_000])
async def test_a_form_that_is_too_large_is_read_and_forgotten(
    client: httpx.AsyncClient, spool: _Spool, size: int
) -> None:
    read = 0

    async def parts() -> AsyncIterator[bytes]:
        nonlocal read
        while read < size:
            part = (b"number=1&" * 1_000)[: size - read]
            read += len(part)
            yield part

    answer = await client.post("/console/dead/drop", content=parts())
    assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large")
    assert spool.done == []


async def test_the_page_that_one_is_on_is_marked(client: httpx.AsyncClient) -> None:
    for path in ("/console/dead", "/console/dead/1"):
        marked = re.findall(r'<a href="([^"]*)" aria-current="page">', (await client.get(path)).text)
        assert marked == ["/console/dead"], path


async def test_below_a_prefix_pages_and_forms_lead_below_it(spool: _Spool) -> None:
    shown = Shown(cast("Spool", spool), ["demo"], [], described, lambda: 0)
    wrong = WrongTokens(lambda: 0)
    routes = console_routes(
        lambda: shown, lambda app: RequireOperatorToken(app, lambda: TOKEN, wrong), lambda: TOKEN
    )
    app = BelowPrefix(Starlette(routes=list(routes)), (), lambda: "/events")
    browser = {"accept": "text/html", "sec-fetch-site": "same-origin"}
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app), base_url="http://shop.example", headers=browser
    ) as visitor:
        asked = await visitor.get("/events/console/dead/letters?after=0")
        assert (
            asked.headers["location"]
            == "/events/console/sign-in?next=%2Fconsole%2Fdead%2Fletters%3Fafter%3D0"
        )
        form = {"token": TOKEN, "next": "/console/dead/letters?after=0"}
        entered = await visitor.post("/events/console/sign-in", data=form)
        assert entered.headers["location"] == "/events/console/dead/letters?after=0"
        page = (await visitor.get(entered.headers["location"])).text
    assert re.findall(r'(?:href|action)="(?!#|data:)(/(?!events/)[^"]*)"', page) == []
    assert 'href="/events/console/dead/1"' in page
