"""The shop's server: what its drawer asks for, a stricter policy on demand, and no order of nothing."""

from functools import partial
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from web_demo.amplitude.app import create_app as amplitude_app
from web_demo.shop import behind
from web_demo.shop.app import create_app

FORWARDER, AMPLITUDE = "http://forwarder.example", "http://amplitude.example"
TOKEN = "an-operators-token"


def shop(**options: str) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(create_app(FORWARDER, "demo", **options))
    return httpx.AsyncClient(transport=transport, base_url="http://shop.example")


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[Request]:
    """Have the shop's own requests answered in this process; return those to the forwarder."""
    requests: list[Request] = []

    async def events(request: Request) -> Response:
        requests.append(request)
        return JSONResponse({"events": [{"name": f"Event {number}"} for number in range(50)]})

    mounts = {
        FORWARDER: httpx.ASGITransport(Starlette(routes=[Route("/console/events", events)])),
        AMPLITUDE: httpx.ASGITransport(amplitude_app()),
    }
    monkeypatch.setattr(httpx, "AsyncClient", partial(httpx.AsyncClient, mounts=mounts))
    return requests


async def test_the_drawer_gets_the_visitors_newest_events(asked: list[Request]) -> None:
    async with shop(token=TOKEN) as visitor:
        found = (await visitor.get("/_/events", params={"device": "d&1"})).json()
        assert (await visitor.get("/_/events")).json() == []
    assert [one["name"] for one in found] == [f"Event {number}" for number in range(behind.MOST)]
    [request] = asked
    assert request.query_params["device"] == "d&1"
    assert request.headers["authorization"] == f"Bearer {TOKEN}"
    async with shop() as visitor:
        assert (await visitor.get("/_/events", params={"device": "d1"})).json() == []
        assert "drawer-events" not in (await visitor.get("/")).text


@pytest.mark.parametrize("name", behind.FAULTS)
async def test_the_drawers_buttons_have_amplitude_misbehave(asked: list[Request], name: str) -> None:
    async with shop(amplitude=AMPLITUDE) as visitor:
        assert f'data-fault="{name}"' in (await visitor.get("/")).text
        assert (await visitor.post("/_/faults", json={"fault": name})).status_code == 200
    async with httpx.AsyncClient() as client:
        faults = (await client.get(f"{AMPLITUDE}/_/events")).json()["faults"]
    assert faults == behind.FAULTS[name].get("times", 1)


@pytest.mark.parametrize("wanted", [{"fault": "explodes"}, {}, []])
async def test_there_are_no_other_faults(asked: list[Request], wanted: Any) -> None:
    async with shop(amplitude=AMPLITUDE) as visitor:
        assert (await visitor.post("/_/faults", json=wanted)).status_code == 400
    async with shop() as visitor:
        assert (await visitor.post("/_/faults", json={"fault": "fails"})).status_code == 400
        assert "data-fault" not in (await visitor.get("/")).text


async def test_who_does_not_answer_is_said_to() -> None:
    async with shop(token=TOKEN) as visitor:
        visitor.timeout = httpx.Timeout(60)
        answer = await visitor.get("/_/events", params={"device": "d1"})
    assert answer.status_code == 502


async def test_webassembly_is_forbidden_on_demand() -> None:
    async with shop() as visitor:
        assert "content-security-policy" not in (await visitor.get("/")).headers
        visitor.cookies.set("shop_wasm", "off")
        policy = (await visitor.get("/")).headers["content-security-policy"]
    assert policy == f"script-src 'self' 'unsafe-inline' {FORWARDER}"
    assert "wasm" not in policy


async def test_every_page_is_there_and_nothing_can_be_ordered_before_there_is_something() -> None:
    async with shop() as visitor:
        for path in ("/", "/cart", "/checkout", "/thanks", "/sign-in", "/products/kettle"):
            text = (await visitor.get(path)).text
            assert 'aria-controls="drawer"' in text
        assert (await visitor.get("/products/nothing")).status_code == 404
        assert 'id="ordering" hidden' in (await visitor.get("/checkout")).text
        assert 'id="to-checkout" hidden' in (await visitor.get("/cart")).text
