"""Trying keys at Amplitude."""

import httpx
import pytest

from forwarder import check
from forwarder.settings import AmplitudeKeys, Destination, Settings


def problems(monkeypatch: pytest.MonkeyPatch, answer: int | Exception, secret: str = "s") -> list[str]:
    seen: list[httpx.Request] = []

    def handle(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        if isinstance(answer, Exception):
            raise answer
        return httpx.Response(answer)

    client = httpx.Client
    monkeypatch.setattr(httpx, "Client", lambda **_: client(transport=httpx.MockTransport(handle)))
    keys = AmplitudeKeys.model_validate({"apiKey": "api", "secretKey": secret, "endpoint": "europe"})
    found = check.problems_of(Settings(destinations=(Destination(name="d", settings=keys),)), online=True)
    for request in seen:
        assert request.url.host == "analytics.eu.amplitude.com"
        assert "api" not in str(request.url.query)
    return found


@pytest.mark.parametrize("answer", [200, 429])
def test_keys_that_are_taken(monkeypatch: pytest.MonkeyPatch, answer: int) -> None:
    assert problems(monkeypatch, answer) == []


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        (401, "refuses the keys"),
        (403, "refuses the keys"),
        (500, "answers 500"),
        (httpx.ConnectError("no"), "no"),
    ],
)
def test_keys_that_are_not(monkeypatch: pytest.MonkeyPatch, answer: int | Exception, text: str) -> None:
    [line] = problems(monkeypatch, answer)
    assert line.startswith("destinations.d.settings: ")
    assert text in line


def test_without_a_secret_key_there_is_nothing_to_try(monkeypatch: pytest.MonkeyPatch) -> None:
    [line] = problems(monkeypatch, 200, secret="")
    assert "no secretKey" in line
