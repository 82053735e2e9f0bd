"""Users are deleted as Segment's destination does it, by the operator alone."""

import json
from base64 import b64encode
from pathlib import Path
from typing import Any

import httpx
import pytest
from click.testing import CliRunner, Result

from forwarder.amplitude import AmplitudeDestination
from forwarder.cli import amplitude_api, cli

CONFIG = """
[[destinations]]
name = "amplitude"
[destinations.settings]
apiKey = "key"
secretKey = "secret"
endpoint = "europe"
"""
ADDRESS = "https://analytics.eu.amplitude.com/api/2/deletions/users"


@pytest.fixture
def config(tmp_path: Path) -> str:
    path = tmp_path / "forwarder.toml"
    path.write_text(CONFIG)
    return str(path)


@pytest.fixture
def answered(monkeypatch: pytest.MonkeyPatch) -> list[httpx.Request]:
    """Collect the requests; user "bad" is refused, the key of user "locked" as well."""
    seen: list[httpx.Request] = []

    def handle(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        user_ids = json.loads(request.content)["user_ids"]
        return httpx.Response(400 if "bad" in user_ids else 401 if "locked" in user_ids else 200, text="no")

    client = httpx.Client
    monkeypatch.setattr(
        httpx, "Client", lambda **given: client(transport=httpx.MockTransport(handle), **given)
    )
    monkeypatch.setattr(amplitude_api, "_BETWEEN", 0)
    return seen


def run(config: str, *words: str, given: str = "") -> Result:
    return CliRunner().invoke(cli, ["delete", "--config", config, *words], input=given)


def body(request: httpx.Request) -> Any:
    return json.loads(request.content)


def test_users_are_deleted(config: str, answered: list[httpx.Request]) -> None:
    done = run(config, "user-1", "user-2", given="y\n")
    assert done.exit_code == 0, done.output
    assert "amplitude: taken: 2 user(s)" in done.output
    [request] = answered
    assert (request.method, str(request.url)) == ("POST", ADDRESS)
    assert request.headers["authorization"] == f"Basic {b64encode(b'key:secret').decode()}"
    assert body(request) == {"user_ids": ["user-1", "user-2"], "requester": "segment"}


def test_many_users_take_several_requests(config: str, answered: list[httpx.Request]) -> None:
    users = [f"user-{number}" for number in range(150)]
    assert run(config, "--yes", *users).exit_code == 0
    assert [user for request in answered for user in body(request)["user_ids"]] == users
    assert [len(body(request)["user_ids"]) for request in answered] == [100, 50]


@pytest.mark.parametrize(("user", "text"), [("bad", "answers 400: 'no'"), ("locked", "refuses the keys")])
def test_refusals_are_told(config: str, answered: list[httpx.Request], user: str, text: str) -> None:
    done = run(config, "--yes", user)
    assert done.exit_code == 1
    assert text in done.output
    assert "secret" not in done.output.replace("secretKey", "")


@pytest.mark.parametrize("given", ["n\n", ""])
def test_nothing_is_sent_without_consent(config: str, answered: list[httpx.Request], given: str) -> None:
    assert run(config, "user-1", given=given).exit_code == 1
    assert answered == []


def test_dry_run_shows_the_requests(config: str, answered: list[httpx.Request]) -> None:
    done = run(config, "--dry-run", "user-1")
    wanted = {"user_ids": ["user-1"], "requester": "segment"}
    assert json.loads(done.output) == {"method": "POST", "url": ADDRESS, "json": wanted}
    assert answered == []


def test_an_unknown_destination_is_one_message(config: str) -> None:
    done = run(config, "--destination", "other", "user-1")
    assert (done.exit_code, "no destination called 'other'" in done.output) == (1, True)


def test_no_event_deletes_anybody() -> None:
    destination = AmplitudeDestination({"apiKey": "key", "secretKey": "secret"})
    assert destination.plan({"type": "delete", "userId": "user-1"}) == []
