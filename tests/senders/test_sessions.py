"""What apps' session plugins send, through a real forwarder: ids arrive, -1 stays, servers' events join."""

import gzip
import json
from pathlib import Path
from typing import Any

from tests.senders.make import stored
from tests.senders.received import body_of
from tests.senders.shapes import ADDRESS, BROWSER, KEY, ORIGIN, Json
from tests.senders.test_end_to_end import configured
from tests.support import patient
from tests.support.amplitude import fake_amplitude
from tests.support.forwarder import forwarder

SESSION = 1_795_672_200_000
APPS = (
    *("Segment Swift", "Segment Kotlin", "Segment React Native"),
    *("Segment legacy iOS", "Segment legacy Android"),
    *("RudderStack Android", "RudderStack iOS", "RudderStack web", "RudderStack web, beacon"),
)
RECORDED: dict[str, Json] = {
    payload["library"]: payload["request"]
    for payload in map(json.loads, stored())
    if payload["call"] == "track" and not payload["oddity"] and payload["library"] in APPS
}
SERVER = {"library": {"name": "@segment/analytics-node", "version": "2.1.3"}}


def from_device(app: str, event: Json, **changed: Any) -> Json:
    """Return a recorded event as one of a device and user of its own."""
    return {**event, "anonymousId": f"device of {app}", "userId": f"user of {app}", **changed}


def test_apps_sessions_arrive_and_servers_join_them(tmp_path: Path) -> None:
    assert set(RECORDED) == set(APPS)
    with fake_amplitude() as amplitude:
        config = tmp_path / "forwarder.toml"
        config.write_text(configured(amplitude, {}).replace('assign = "off"', 'assign = "web"'))
        with forwarder(config) as running, patient.client(base_url=running.url) as client:

            def send(path: str, headers: dict[str, str], body: Json) -> None:
                content = json.dumps(body).encode()
                answer = client.post(path, headers={**headers, "x-forwarded-for": ADDRESS}, content=content)
                assert answer.status_code == 200, answer.text

            for app, request in RECORDED.items():
                written = body_of(request)
                headers = {**request["headers"]}
                if headers.pop("content-encoding", "") == "gzip":
                    written = gzip.decompress(written)
                body = json.loads(written)
                [event] = body.get("batch", [body])
                integrations = {**event.get("integrations", {}), "Actions Amplitude": {"session_id": -1}}
                came = from_device(app, event, messageId=f"{app}: in")
                out = from_device(app, event, messageId=f"{app}: out", integrations=integrations)
                if "batch" in body:
                    send(request["path"], headers, {**body, "batch": [came, out]})
                else:
                    send(request["path"], headers, came)
                    send(request["path"], headers, out)
                joins = {"type": "track", "event": "Paid", "userId": f"user of {app}", "context": SERVER}
                batch = [{**joins, "messageId": f"{app}: joins"}]
                send("/v1/batch", {}, {"batch": batch, "writeKey": KEY})
            page = {"type": "track", "event": "Blocked", "anonymousId": "anon-page", "messageId": "page"}
            library = {"library": {"name": "analytics.js", "version": "npm:next-1.84.3"}}
            headers = {"origin": ORIGIN, "user-agent": BROWSER}
            send("/v1/t", headers, {**page, "context": library, "writeKey": KEY})
            wanted = 3 * len(APPS) + 1
            amplitude.wait_for("Paid", len(APPS))
            amplitude.wait_for("Blocked")
            items = {one["item"]["insert_id"]: one["item"] for one in amplitude.arrivals()}
    assert len(items) == wanted
    sessions = {name: item.get("session_id") for name, item in items.items()}
    assert {app: sessions[f"{app}: in"] for app in APPS} == dict.fromkeys(APPS, SESSION)
    assert {app: sessions[f"{app}: out"] for app in APPS} == dict.fromkeys(APPS, -1)
    assert {app: sessions[f"{app}: joins"] for app in APPS} == dict.fromkeys(APPS, SESSION)
    assert sessions["page"] == items["page"]["time"]
