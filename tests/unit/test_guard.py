"""What is not public opens for the operator's token only."""

from base64 import b64encode

import httpx
import pytest
from starlette.responses import PlainTextResponse

from forwarder.http.auth import RequireOperatorToken


async def status(token: str, authorization: str) -> int:
    transport = httpx.ASGITransport(RequireOperatorToken(PlainTextResponse("inside"), lambda: token))
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
