"""Signing in to the console: by the token, by a link, and for how long."""

from collections.abc import AsyncIterator
from typing import cast

import httpx
import pytest
from starlette.applications import Starlette

from forwarder.asgi import HANDLERS
from forwarder.console import Shown, console_routes
from forwarder.console.sign_in import (
    COOKIE,
    LINK_MS,
    SIGNED_IN_MS,
    SignedOut,
    UsedLinks,
    cookie,
    is_cookie,
    link,
)
from forwarder.http.auth import RequireOperatorToken, WrongTokens
from forwarder.spool import DeadLetter, Spool

TOKEN = "an-operators-token"
BROWSER = {"accept": "text/html,*/*", "sec-fetch-site": "same-origin"}


class _Spool:
    async def look(self, *_: object) -> list[DeadLetter]:
        return []

    async def dead(self, *_: object, **__: object) -> list[DeadLetter]:
        return []


class _Operator:
    """What the console is asked with: the token in force and the time."""

    token = TOKEN
    now = 1_000_000


@pytest.fixture
def operator() -> _Operator:
    return _Operator()


@pytest.fixture
async def visitor(operator: _Operator) -> AsyncIterator[httpx.AsyncClient]:
    def shown() -> Shown:
        return Shown(cast("Spool", _Spool()), [], [], lambda *_: b"", lambda: operator.now)

    wrong = WrongTokens(lambda: 0)
    routes = console_routes(
        shown, lambda app: RequireOperatorToken(app, lambda: operator.token, wrong), lambda: operator.token
    )
    transport = httpx.ASGITransport(Starlette(routes=list(routes), exception_handlers=HANDLERS))
    url = "http://console.example"
    async with httpx.AsyncClient(transport=transport, base_url=url, headers=BROWSER) as made:
        yield made


async def sign_in(visitor: httpx.AsyncClient, **form: str) -> httpx.Response:
    return await visitor.post("/console/sign-in", data={"token": TOKEN, **form})


async def test_a_browser_is_sent_to_the_page_and_back(visitor: httpx.AsyncClient) -> None:
    asked = await visitor.get("/console/dead?destination=a%20b")
    assert asked.status_code == 303
    page = await visitor.get(asked.headers["location"])
    assert page.status_code == 200
    assert 'name="next" value="/console/dead?destination=a%20b"' in page.text
    assert "www-authenticate" not in page.headers
    signed = await sign_in(visitor, next="/console/dead?destination=a%20b")
    assert (signed.status_code, signed.headers["location"]) == (303, "/console/dead?destination=a%20b")
    for part in ("HttpOnly", "SameSite=strict", "Path=/console", f"Max-Age={SIGNED_IN_MS // 1000}"):
        assert part in signed.headers["set-cookie"]
    assert "Secure" not in signed.headers["set-cookie"]
    assert TOKEN not in signed.headers["set-cookie"]
    assert (await visitor.get("/console/dead")).status_code == 200


async def test_the_cookie_is_for_https_where_the_page_is(visitor: httpx.AsyncClient) -> None:
    visitor.headers["x-forwarded-proto"] = "https"
    assert "Secure" in (await sign_in(visitor)).headers["set-cookie"]


@pytest.mark.parametrize(
    "to", ["//elsewhere.example", "https://elsewhere.example", "/console/../metrics", "/metrics"]
)
async def test_nobody_is_sent_elsewhere(visitor: httpx.AsyncClient, to: str) -> None:
    assert (await sign_in(visitor, next=to)).headers["location"] == "/console"


async def test_a_wrong_token_opens_nothing(visitor: httpx.AsyncClient) -> None:
    for given in ("", "another", TOKEN[:-1], TOKEN + "x"):
        answer = await sign_in(visitor, token=given)
        assert answer.status_code == 401
        assert "not the operator" in answer.text
        assert "set-cookie" not in answer.headers
    assert (await visitor.get("/console")).status_code == 303


async def test_another_sites_form_opens_nothing(visitor: httpx.AsyncClient) -> None:
    visitor.headers["sec-fetch-site"] = "cross-site"
    assert (await sign_in(visitor)).status_code == 403
    visitor.headers["sec-fetch-site"] = "same-origin"
    await sign_in(visitor)
    for path in ("/console/dead/drop", "/console/sign-out"):
        visitor.headers["sec-fetch-site"] = "cross-site"
        assert (await visitor.post(path, data={"number": "1"})).status_code == 403
        del visitor.headers["sec-fetch-site"]
        answer = await visitor.post(path, data={"number": "1"})
        assert answer.status_code == 403, "a cookie alone is no sign that a page of ours asks"


async def test_one_is_signed_in_for_a_day_at_work_and_until_one_leaves(
    visitor: httpx.AsyncClient, operator: _Operator
) -> None:
    await sign_in(visitor)
    operator.now += SIGNED_IN_MS - 1
    assert (await visitor.get("/console/dead")).status_code == 200
    operator.now += 1
    assert (await visitor.get("/console/dead")).status_code == 303
    await sign_in(visitor)
    value = visitor.cookies[COOKIE]
    assert (await visitor.post("/console/sign-out")).headers["location"] == "/console/sign-in"
    assert (await visitor.get("/console/dead")).status_code == 303
    visitor.cookies.set(COOKIE, value)
    assert (await visitor.get("/console/dead")).status_code == 303, "a copy of the cookie opens nothing more"


async def test_another_token_ends_what_the_old_one_opened(
    visitor: httpx.AsyncClient, operator: _Operator
) -> None:
    await sign_in(visitor)
    operator.token = "the-next-operators-token"
    assert (await visitor.get("/console/dead")).status_code == 303


async def test_where_no_token_is_set_the_page_says_so(
    visitor: httpx.AsyncClient, operator: _Operator
) -> None:
    operator.token = ""
    page = await visitor.get("/console/sign-in")
    assert "No operator's token is set" in page.text
    assert "<form" not in page.text
    assert (await sign_in(visitor, token="")).status_code == 401
    visitor.cookies.set(COOKIE, cookie("", operator.now))
    assert (await visitor.get("/console/dead")).status_code == 303


async def test_a_link_signs_in_once_and_soon(visitor: httpx.AsyncClient, operator: _Operator) -> None:
    asked = await visitor.post("/console/sign-in-links", headers={"authorization": f"Bearer {TOKEN}"})
    assert asked.status_code == 201
    to = asked.json()["link"]
    assert TOKEN not in to
    assert (await visitor.post("/console/sign-in-links")).status_code == 401
    page = await visitor.get(to)
    assert page.status_code == 200
    assert 'url=/console"' in page.text
    assert (await visitor.get("/console/dead")).status_code == 200
    assert (await visitor.get(to)).headers["location"] == "/console", "who is signed in need not be again"
    visitor.cookies.clear()
    again = await visitor.get(to)
    assert again.status_code == 401
    assert "was used" in again.text
    assert "set-cookie" not in again.headers


def test_proofs_hold_for_their_own_use_and_time() -> None:
    used, code = UsedLinks(), link(TOKEN, 5).partition("once=")[2]
    assert not is_cookie(TOKEN, code, 6), "a link is no cookie"
    assert not used.takes(TOKEN, cookie(TOKEN, 5), 6), "nor a cookie a link"
    assert not used.takes("another", code, 6)
    assert not used.takes(TOKEN, code, 5 + LINK_MS)
    assert used.takes(TOKEN, code, 4 + LINK_MS)
    assert not used.takes(TOKEN, code, 4 + LINK_MS)
    for value in ("", ".", "..", "x.y.z", code[:-1], "9" * 13 + code[1:], "9" * 500):
        assert not is_cookie(TOKEN, value, 0)


def test_signed_out_cookies_are_remembered_as_long_as_they_would_hold() -> None:
    out, values = SignedOut(), [cookie(TOKEN, now) for now in range(1_001)]
    out.add(TOKEN, "no cookie", 0)
    assert not out.has("no cookie")
    for value in values[:1_000]:
        out.add(TOKEN, value, 1_000)
    assert all(map(out.has, values[:1_000]))
    out.add(TOKEN, values[1_000], 1_000)
    assert [out.has(value) for value in values[:2]] == [False, True], (
        "the first one goes, for memory is bounded"
    )
    out.add(TOKEN, "", SIGNED_IN_MS + 500)
    assert [out.has(value) for value in values[499:502]] == [False, False, True]


async def test_browsers_see_pages_where_programs_read_json(visitor: httpx.AsyncClient) -> None:
    await sign_in(visitor)
    for path, status in (("/console/nothing", 404), ("/console/dead/x", 400), ("/console/dead/7", 404)):
        answer = await visitor.get(path)
        assert answer.status_code == status
        assert answer.headers["content-type"].startswith("text/html")
        program = await visitor.get(path, headers={"accept": "*/*"})
        assert program.headers["content-type"] == "application/json"
