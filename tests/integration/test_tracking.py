"""A real forwarder process: events in, answers out."""

import json
import signal
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.support import patient
from tests.support.configuration import configuration
from tests.support.forwarder import Running, forwarder

CONFIG = configuration(server={"operator_token": "an operator's long token"})


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    folder = tmp_path_factory.mktemp("forwarder")
    (folder / "forwarder.toml").write_text(CONFIG)
    with forwarder(folder / "forwarder.toml") as process:
        yield process


@pytest.fixture
def client(running: Running) -> Iterator[httpx.Client]:
    with patient.client(base_url=running.url) as made:
        yield made


@pytest.mark.parametrize("path", ["/v1/t", "/v1/track", "/v1/t/", "/d/t"])
@pytest.mark.parametrize("media", ["application/json", "text/plain"])
def test_an_event_is_taken(client: httpx.Client, path: str, media: str) -> None:
    body = json.dumps({"event": "Seen", "userId": "u", "writeKey": "web-key"})
    answer = client.post(path, content=body, headers={"content-type": media, "origin": "https://a.example"})
    assert answer.status_code == 200
    assert answer.json() == {"success": True}
    assert answer.headers["access-control-allow-origin"] == "https://a.example"


@pytest.mark.parametrize(
    ("path", "headers"),
    [
        ("/v1/import/", {"authorization": "Basic d2ViLWtleTo="}),
        ("/beacon/v1/batch?writeKey=web-key", {"content-type": "text/plain"}),
        ("/api/s/track", {"x-write-key": "web-key:secret"}),
        ("/api/s/s2s/track", {"x-write-key": "web-key:secret"}),
    ],
)
def test_other_makers_clients_find_their_routes(
    client: httpx.Client, path: str, headers: dict[str, str]
) -> None:
    event = {"type": "track", "event": "Seen", "userId": "u", "writeKey": "web-key:***"}
    body = event if "track" in path else {"batch": [event]}
    headers = {**headers, "origin": "https://a.example"}
    assert client.post(path, content=json.dumps(body), headers=headers).json() == {"success": True}
    asked = {
        "access-control-request-headers": "anonymousid,sentat,x-write-key",
        "origin": "https://a.example",
    }
    allowed = client.options(path, headers=asked).headers["access-control-allow-headers"]
    assert allowed.endswith("anonymousid, sentat, x-write-key")


def test_tracing_headers_do_not_keep_a_page_from_its_settings(client: httpx.Client) -> None:
    asked = {
        "origin": "https://a.example",
        "access-control-request-method": "GET",
        "access-control-request-headers": "traceparent,authorization",
    }
    for path in ("/v1/projects/web-key/settings", "/p/session-plugin.js"):
        answer = client.options(path, headers=asked)
        assert answer.status_code == 204
        assert answer.headers["access-control-allow-origin"] == "*"
        assert "traceparent" in answer.headers["access-control-allow-headers"]


@pytest.mark.parametrize("path", ["/v1/b", "/v1/batch", "/v1/import"])
def test_a_batch_is_taken(client: httpx.Client, path: str) -> None:
    body = {"batch": [{"type": "track", "event": "Seen", "anonymousId": "a"}]}
    assert client.post(path, json=body, auth=("web-key", "")).json() == {"success": True}


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("POST", "/v1/nothing", 404, "not_found"),
        ("GET", "/v1/t", 405, "method_not_allowed"),
        ("POST", "/v1/t", 401, "no_write_key"),
        ("POST", "/v1/t?writeKey=web-key", 400, "not_json"),
        ("GET", "/metrics", 401, "operator_only"),
        ("GET", "/anything", 404, "not_found"),
        ("DELETE", "/health", 405, "method_not_allowed"),
        ("GET", "/v1/projects/other/settings", 404, "not_found"),
    ],
)
def test_errors_have_code_and_message(
    client: httpx.Client, method: str, path: str, status: int, code: str
) -> None:
    answer = client.request(method, path)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert answer.json()["message"]


def test_the_operator_sees_the_counters(client: httpx.Client) -> None:
    headers = {"authorization": "Bearer an operator's long token"}
    assert "forwarder_requests_refused_total" in client.get("/metrics", headers=headers).text
    assert client.get("/metrics", auth=("anyone", "an operator's long token")).status_code == 200
    assert client.get("/metrics", auth=("an operator's long token", "")).status_code == 401


def test_a_preflight_is_answered(client: httpx.Client) -> None:
    headers = {
        "origin": "https://a.example",
        "access-control-request-method": "POST",
        "access-control-request-headers": "authorization,content-type,x-retry-count",
    }
    answer = client.options("/v1/t", headers=headers)
    assert answer.status_code == 204
    assert answer.headers["access-control-allow-headers"] == "authorization, content-type, x-retry-count"
    assert answer.headers["access-control-max-age"] == "86400"


def test_a_body_larger_than_allowed_is_not_read(client: httpx.Client) -> None:
    answer = client.post("/v1/b", content=b"x" * 600_000)
    assert (answer.status_code, answer.json()["code"]) == (400, "body_too_large")


def test_a_message_is_taken_once_also_after_a_restart(tmp_path: Path) -> None:
    config = tmp_path / "forwarder.toml"
    config.write_text(CONFIG + '[[sources]]\nname = "app"\nwrite_key = "app-key"\n')
    headers = {"authorization": "Bearer an operator's long token"}
    event = {"type": "track", "event": "Seen", "userId": "u", "messageId": "m"}
    for run in range(2):
        with forwarder(config) as process, patient.client(base_url=process.url) as client:
            for key in ("web-key", "app-key"):
                assert client.post("/v1/b", json={"batch": [event, event]}, auth=(key, "")).status_code == 200
            counters = client.get("/metrics", headers=headers).text
            for source in ("web", "app"):
                labels = f'outcome="duplicate",reason="",source="{source}"'
                assert f"forwarder_door_events_total{{{labels}}} {1.0 + run}" in counters
            assert process.stop(signal.SIGKILL if run == 0 else signal.SIGTERM) in (0, -signal.SIGKILL)


def test_the_configuration_is_read_again(tmp_path: Path) -> None:
    config = tmp_path / "forwarder.toml"
    config.write_text(CONFIG)
    with forwarder(config) as process, patient.client(base_url=process.url) as client:
        body = {"event": "Seen", "userId": "u", "writeKey": "second"}
        assert client.post("/v1/t", json=body).status_code == 401
        config.write_text(CONFIG + '[[sources]]\nname = "second"\nwrite_key = "second"\n')
        process.hang_up()
        process.wait_for("configuration reloaded")
        assert client.post("/v1/t", json=body).status_code == 200
        config.write_text(CONFIG + "[limits]\nunknown = 1\n")
        process.hang_up()
        refused = process.wait_for("configuration not reloaded, the old one stays")
        assert "limits.unknown" in str(refused["problems"])
        assert client.post("/v1/t", json=body).status_code == 200
        assert process.stop() == 0
