"""The fake Amplitude refuses what the real one is documented to refuse, and counts as it counts."""

import gzip
import json
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.routing import Route

from web_demo.amplitude.app import RECENT_MS, FakeAmplitude, create_app
from web_demo.amplitude.faults import KINDS
from web_demo.amplitude.ledger import HORIZON_MS, LONGEST, Ledger

GOOD = {"event_type": "Seen", "user_id": "user-1", "insert_id": "i-1"}


def client(api_key: str | None = None) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(create_app(api_key))
    return httpx.AsyncClient(transport=transport, base_url="http://fake")


async def upload(*events: object, path: str = "/2/httpapi", **more: object) -> dict[str, Any]:
    async with client() as to:
        answer = await to.post(path, json={"api_key": "k", "events": events, **more})
        said: dict[str, Any] = answer.json()
        assert said["code"] == answer.status_code
        return said


async def test_good_events_are_taken() -> None:
    said = await upload(GOOD, {**GOOD, "insert_id": "i-2", "time": 1, "session_id": -1})
    assert said["events_ingested"] == 2


@pytest.mark.parametrize("user", ["Anonymous", "null", "0", "{}", "", None, "four", 12345])
async def test_ids_that_do_not_count(user: object) -> None:
    said = await upload({"event_type": "Seen", "user_id": user})
    assert said["code"] == 400
    assert (await upload({"event_type": "Seen", "user_id": user, "device_id": "device-1"}))["code"] == 200


async def test_short_ids_are_named_unless_allowed() -> None:
    short = {"event_type": "Seen", "user_id": "ab"}
    assert (await upload(GOOD, short))["events_with_invalid_id_lengths"] == {"user_id": [1]}
    assert (await upload(short, options={"min_id_length": 1}))["code"] == 200


@pytest.mark.parametrize(("path", "named"), [("/2/httpapi", [1]), ("/batch", [1, 2])])
async def test_http_v2_names_the_first_bad_event_and_batch_all(path: str, named: list[int]) -> None:
    bad = {**GOOD, "time": "yesterday"}
    said = await upload(GOOD, bad, bad, path=path)
    assert said["events_with_invalid_fields"] == {"time": named}


async def test_missing_event_types_are_named() -> None:
    said = await upload({"user_id": "user-1"})
    assert said["error"] == "Request missing required field"
    assert said["events_with_missing_fields"] == {"event_type": [0]}


async def test_limits() -> None:
    assert (await upload(*[GOOD] * 2001))["code"] == 413
    large = {**GOOD, "event_properties": {"x": "y" * (1 << 20)}}
    assert (await upload(large))["code"] == 413
    assert (await upload(large, path="/batch"))["code"] == 200


async def test_only_its_own_key_is_taken_where_one_is_set() -> None:
    async with client("secret") as to:
        answer = await to.post("/2/httpapi", json={"api_key": "other", "events": [GOOD]})
        assert answer.json()["error"] == "Invalid API key"


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b'{"events": 5}', b"\xff", b'{"api_key": "k"}'])
async def test_unreadable_bodies(body: bytes) -> None:
    async with client() as to:
        for headers in ({}, {"content-encoding": "gzip"}):
            answer = await to.post("/2/httpapi", content=body, headers=headers)
            assert answer.json()["error"] == "Invalid JSON request body"


async def test_inflated_bodies_are_read() -> None:
    body = gzip.compress(json.dumps({"api_key": "k", "events": [GOOD]}).encode())
    async with client() as to:
        answer = await to.post("/batch", content=body, headers={"content-encoding": "gzip"})
        assert answer.status_code == 200


async def test_forms() -> None:
    async with client() as to:

        async def form(path: str, name: str, value: object) -> int:
            return (await to.post(path, data={"api_key": "k", name: json.dumps(value)})).status_code

        assert await form("/identify", "identification", {"user_id": "user-1"}) == 200
        assert await form("/identify", "identification", [{"user_id": "u"}]) == 400
        assert (
            await form("/groupidentify", "identification", {"group_type": "org", "group_value": "x"}) == 200
        )
        assert await form("/groupidentify", "identification", {"group_type": "org"}) == 400
        assert await form("/usermap", "mapping", [{"user_id": "u", "global_user_id": "g"}]) == 200
        assert await form("/usermap", "mapping", [{"user_id": "u"}]) == 400
        assert await form("/identify", "other", {}) == 400


async def test_deletions_and_search_need_both_keys() -> None:
    async with client() as to:
        for path, method in (("/api/2/deletions/users", "POST"), ("/api/2/usersearch", "GET")):
            for login in (None, ("key", "")):
                assert (await to.request(method, path, auth=login)).status_code == 401
        login = ("key", "secret")
        deletion = "/api/2/deletions/users"
        assert (await to.post(deletion, json={"user_ids": ["u"]}, auth=login)).status_code == 200
        wrongs: list[object] = [{"user_ids": []}, [], {"user_ids": ["u"] * 101}, {"user_ids": 5}]
        for wrong in wrongs:
            assert (await to.post(deletion, json=wrong, auth=login)).status_code == 400
        assert (await to.post(deletion, content=b"{", auth=login)).status_code == 400
        assert (await to.get("/api/2/usersearch?user=u", auth=login)).json()["matches"] == []


def test_an_insert_id_counts_once_in_seven_days_for_its_device() -> None:
    ledger = Ledger()
    item = {"insert_id": "i", "device_id": "d"}
    assert ledger.take("/batch", [item, item], 0) == 1
    assert ledger.take("/batch", [{**item, "device_id": "other"}], 1) == 1
    assert ledger.take("/batch", [item], HORIZON_MS) == 0
    assert ledger.take("/batch", [item], HORIZON_MS + 1) == 1
    assert ledger.take("/batch", [{}, {}], 2) == 2, "without an insert id everything counts"


FAULTS = {
    "throttle": (429, 0),
    "bad": (400, 0),
    "silenced": (400, 0),
    "too large": (413, 0),
    "taken and failed": (500, 2),
    "failed": (500, 0),
    "unavailable": (503, 0),
    "forbidden": (403, 0),
    "invalid key": (400, 0),
    "slow": (200, 2),
}


@pytest.mark.parametrize("kind", FAULTS)
async def test_it_misbehaves_once_and_then_does_not(kind: str) -> None:
    status, taken = FAULTS[kind]
    events = [GOOD, {**GOOD, "insert_id": "i-2"}]
    async with client() as to:
        assert (await to.post("/_/faults", json=[{"kind": kind, "seconds": 0}])).status_code == 200
        answers = [await to.post("/2/httpapi", json={"api_key": "k", "events": events}) for _ in range(2)]
        assert [answer.status_code for answer in answers] == [status, 200]
        arrivals = (await to.get("/_/events")).json()["arrivals"]
        assert len(arrivals) == taken + 2
        assert sum(arrival["counted"] for arrival in arrivals) == 2


async def test_a_fault_may_be_particular() -> None:
    async with client() as to:
        faults = [
            {"kind": "failed", "status": 502},
            {"kind": "other"},
            {"kind": "other", "status": 302, "text": ""},
        ]
        await to.post("/_/faults", json=faults)
        answers = [await to.post("/2/httpapi", json={"api_key": "k", "events": [GOOD]}) for _ in range(3)]
        assert [answer.status_code for answer in answers] == [502, 200, 302]
        assert [answer.text[:6] for answer in answers[1:]] == ["<html>", ""]
        assert (await to.get("/_/events")).json()["arrivals"] == []


def test_what_came_is_told_from_where_one_was() -> None:
    ledger = Ledger()
    ledger.take("/batch", [{"insert_id": str(number)} for number in range(LONGEST + 10)], 0)
    arrivals = ledger.as_json(LONGEST + 8)["arrivals"]
    assert [one["item"]["insert_id"] for one in arrivals] == [str(LONGEST + 8), str(LONGEST + 9)]
    assert len(ledger.as_json()["arrivals"]) == LONGEST


async def test_faults_that_are_none_are_refused() -> None:
    assert set(FAULTS) | {"hang", "reset", "taken and reset", "other"} == set(KINDS)
    async with client() as to:
        for wrong in ({"kind": "slow"}, [{"kind": "odd"}], ["slow"]):
            assert (await to.post("/_/faults", json=wrong)).status_code == 400


async def test_faults_are_read_as_json_where_the_sender_calls_it_a_form() -> None:
    headers = {"content-type": "application/x-www-form-urlencoded"}
    async with client() as to:
        queued = await to.post("/_/faults", content='[{"kind": "failed", "times": 2}]', headers=headers)
        assert queued.json() == {"queued": 2}


async def test_events_of_the_last_eight_hours_are_told_by_the_api_key_alone() -> None:
    now = [0]
    fake = FakeAmplitude("k", lambda: now[0])
    app = Starlette(
        routes=[
            Route("/2/httpapi", fake.upload, methods=["POST"]),
            Route("/recent", fake.recent, methods=["POST"]),
        ]
    )
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://fake") as to:

        async def said(**more: object) -> tuple[object, object]:
            answer = await to.post("/recent", json={"api_key": "k", **more})
            return answer.json().get("status", answer.status_code), answer.json().get("poll_after_seconds")

        assert await said() == ("not_observed", None)
        assert await said(polling_timeout_seconds=120) == ("not_observed", 1)
        assert (await said(api_key="other"))[0] == 401
        for wrong in ({"api_key": " "}, {"polling_timeout_seconds": 121}, {"polling_timeout_seconds": True}):
            assert (await said(**wrong))[0] == 400
        await to.post("/2/httpapi", json={"api_key": "k", "events": [GOOD]})
        assert await said(polling_timeout_seconds=1) == ("observed", None)
        now[0] = RECENT_MS
        assert (await said())[0] == "observed"
        now[0] += 1
        assert (await said())[0] == "not_observed"


async def test_arrivals_are_grouped_by_session_and_what_has_none_by_what_it_is() -> None:
    ledger = Ledger()
    ledger.take("/2/httpapi", [{"event_type": "Later", "session_id": 5, "time": 9}], 10)
    ledger.take("/2/httpapi", [{"event_type": "Earlier", "session_id": 5, "time": 8}], 11)
    ledger.take("/identify", [{"user_id": "u"}], 12)
    ledger.take("/2/httpapi", [{"event_type": "Server"}, {"event_type": "Other", "session_id": -1}], 13)
    ledger.take("/groupidentify", [{"group_value": "c"}], 14)
    ledger.take("/usermap", [{"user_id": "u"}], 15)
    assert [(one.kind, one.session, len(one.arrivals)) for one in ledger.groups()] == [
        ("joined", None, 1),
        ("companies", None, 1),
        ("without", None, 2),
        ("users", None, 1),
        ("session", 5, 2),
    ]
    assert [one.item["event_type"] for one in ledger.groups()[-1].arrivals] == ["Earlier", "Later"]


async def test_the_page_shows_what_arrived_and_its_buttons_queue_faults() -> None:
    async with client() as to:
        hostile = {**GOOD, "event_type": "<script>", "insert_id": "i-0", "session_id": 1_790_000_000_000}
        await to.post("/2/httpapi", json={"api_key": "k", "events": [hostile, GOOD, GOOD]})
        await to.post("/identify", data={"api_key": "k", "identification": json.dumps({"user_id": "user-1"})})
        text = (await to.get("/")).text
        assert "<script>" not in text.split("</head>")[1]
        assert "&lt;script&gt;" in text
        assert "Session 1790000000000" in text
        assert "User updates" in text
        assert "Without a session" in text
        assert text.count('class="again"') == 1
        for kind in ("failed", "throttle", "bad"):
            assert f'name="kind" value="{kind}"' in text
            assert (await to.post("/_/faults", data={"kind": kind})).status_code == 303
        assert (await to.post("/_/faults", data={"kind": "explodes"})).status_code == 400
        assert "3 faults to come: failed, throttle, bad" in (await to.get("/")).text
        for name in ("arrivals.css", "arrivals.js"):
            assert (await to.get(f"/static/{name}")).status_code == 200
