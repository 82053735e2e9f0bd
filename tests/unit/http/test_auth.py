"""What is not public opens for the operator's token only."""

import asyncio
from base64 import b64encode

import httpx
import pytest
from prometheus_client import REGISTRY
from starlette.responses import PlainTextResponse
from structlog.testing import capture_logs

from forwarder.http.auth import RequireOperatorToken, WrongTokens, operator_name


async def status(
    token: str, authorization: str, wrong: WrongTokens | None = None, address: str = "127.0.0.1"
) -> int:
    guard = RequireOperatorToken(PlainTextResponse("inside"), lambda: token, wrong or WrongTokens(lambda: 0))
    transport = httpx.ASGITransport(guard, client=(address, 1))
    async with httpx.AsyncClient(transport=transport, base_url="http://forwarder") as client:
        answer = await client.get("/", headers={"authorization": authorization} if authorization else {})
        assert token not in answer.text or not token
        return answer.status_code


def basic(text: str) -> str:
    return "Basic " + b64encode(text.encode()).decode()


@pytest.mark.parametrize("authorization", ["Bearer the-token", "bearer the-token", basic("me:the-token")])
async def test_the_token_opens(authorization: str) -> None:
    assert await status("the-token", authorization) == 200


@pytest.mark.parametrize(
    "authorization",
    ["", "Bearer", "Bearer other", "the-token", basic("the-token:"), "Basic !", "Bearer the-token2"],
)
async def test_nothing_else_does(authorization: str) -> None:
    assert await status("the-token", authorization) == 401


@pytest.mark.parametrize("authorization", ["", "Bearer ", basic(":"), basic("")])
async def test_without_a_token_it_stays_closed(authorization: str) -> None:
    assert await status("", authorization) == 401


def refused(why: str) -> float:
    return REGISTRY.get_sample_value("forwarder_operator_refused_total", {"why": why}) or 0


@pytest.mark.parametrize(
    ("token", "authorization", "why"),
    [
        ("the-token", "Bearer other", "wrong_token"),
        ("the-token", basic("me:"), "wrong_token"),
        ("the-token", "Negotiate x", "wrong_token"),
        ("the-token", "", "no_token"),
        ("", "Bearer other", "not_configured"),
    ],
)
async def test_refusals_are_counted_by_why(token: str, authorization: str, why: str) -> None:
    before = refused(why)
    await status(token, authorization)
    assert refused(why) == before + 1
    await status("the-token", "Bearer the-token")
    assert refused(why) == before + 1


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Seconds that answers were held back, which nobody waits for here."""
    found: list[float] = []

    async def sleep(seconds: float) -> None:
        found.append(seconds)

    monkeypatch.setattr(asyncio, "sleep", sleep)
    return found


async def test_many_wrong_tokens_of_an_address_are_answered_slowly(waits: list[float]) -> None:
    now = 0
    wrong = WrongTokens(lambda: now)
    for _ in range(10):
        assert await status("the-token", "Bearer other", wrong) == 401
    assert waits == []
    assert [await status("the-token", "Bearer other", wrong) for _ in range(3)] == [401, 401, 401]
    assert waits == [1.0] * 3
    assert await status("the-token", "Bearer the-token", wrong) == 200
    assert await status("the-token", "", wrong) == 401
    assert await status("the-token", "Bearer other", wrong, "203.0.113.7") == 401
    assert waits == [1.0] * 3, "the right token, none, and another address are answered at once"
    now = 60_000
    assert await status("the-token", "Bearer other", wrong) == 401
    assert waits == [1.0] * 3


async def test_wrong_tokens_are_logged_now_and_then_with_their_number(waits: list[float]) -> None:
    now = 0
    wrong = WrongTokens(lambda: now)
    with capture_logs() as lines:
        for now in (0, 1, 9_999, 10_000, 10_001, 30_000):  # noqa: B007 - the clock of it
            await status("the-token", basic("me:a-wrong-token"), wrong)
        await status("the-token", "", wrong)
        await status("the-token", "Bearer the-token", wrong)
    assert [line["tries"] for line in lines] == [1, 3, 2]
    assert "a-wrong-token" not in str(lines)


@pytest.mark.parametrize(
    ("authorization", "name"),
    [
        (basic("ada:the-token"), "ada"),
        (basic(":the-token"), ""),
        (basic("a\x1b[2Jb" + "c" * 50 + ":x"), "a\\x1b[2Jb" + "c" * 25 + "…"),
        ("Bearer the-token", ""),
        ("", ""),
    ],
)
def test_an_operator_has_a_name_for_the_log(authorization: str, name: str) -> None:
    assert operator_name(authorization) == name


@pytest.mark.parametrize(
    ("token", "authorization", "mend"),
    [
        ("the-token", "", "send it as Bearer"),
        ("the-token", "Bearer other", "send it as Bearer"),
        ("", "Bearer other", "none is set: set server.operator_token"),
    ],
)
async def test_a_refusal_says_how_to_mend_it_and_is_kept_nowhere(
    token: str, authorization: str, mend: str
) -> None:
    guard = RequireOperatorToken(PlainTextResponse("inside"), lambda: token)
    transport = httpx.ASGITransport(guard)
    async with httpx.AsyncClient(transport=transport, base_url="http://forwarder") as client:
        answer = await client.get("/", headers={"authorization": authorization} if authorization else {})
    assert answer.status_code == 401
    assert answer.json() == {
        "success": False,
        "code": "operator_only",
        "message": f"this needs the operator's token; {mend}",
    }
    for name, value in {
        "www-authenticate": 'Basic realm="operator", charset="UTF-8"',
        "cache-control": "no-store",
        "x-content-type-options": "nosniff",
        "content-type": "application/json",
    }.items():
        assert answer.headers[name] == value


async def test_what_is_no_request_passes() -> None:
    passed: list[object] = []

    async def app(*given: object) -> None:
        passed.append(given)

    scope, receive, send = {"type": "lifespan"}, object(), object()
    await RequireOperatorToken(app, lambda: "")(scope, receive, send)  # type: ignore[arg-type]
    assert passed == [(scope, receive, send)]


@pytest.mark.parametrize(
    ("token", "authorization", "answer"),
    [
        ("the:to:ken", basic("me:the:to:ken"), 200),
        ("the:to:ken", basic("me:the:to"), 401),
        ("the token", "Bearer   the token  ", 200),
        ("the-token", "Basic  " + basic("me:the-token")[6:] + " ", 200),
        ("the-token", "BASIC " + basic("me:the-token")[6:], 200),
        ("the-token", "Basic the-token", 401),
        ("the-token", "Basic " + b64encode(b"the-token").decode(), 401),
        ("XXXX", "", 401),
    ],
)
async def test_a_token_is_all_behind_the_scheme_or_behind_the_first_colon(
    token: str, authorization: str, answer: int
) -> None:
    assert await status(token, authorization) == answer


def test_a_name_may_be_no_text() -> None:
    assert operator_name("Basic " + b64encode(b"a\xff:x").decode()) == "a\ufffd"
    assert operator_name("Bearer half \ud800") == ""
