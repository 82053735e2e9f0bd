"""What a usable configuration leaves open, and trying keys at Amplitude."""

from pathlib import Path

import httpx
import pytest

from forwarder.cli import checks
from forwarder.settings import AmplitudeKeys, Destination, Server, Settings, Source, SpoolSettings


def keys(secret: str = "s") -> AmplitudeKeys:
    return AmplitudeKeys.model_validate({"apiKey": "api", "secretKey": secret, "endpoint": "europe"})


def problems(monkeypatch: pytest.MonkeyPatch, answer: int | Exception, secret: str = "s") -> list[str]:
    seen: list[httpx.Request] = []

    def handle(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        if isinstance(answer, Exception):
            raise answer
        return httpx.Response(answer)

    client = httpx.Client
    monkeypatch.setattr(httpx, "Client", lambda **_: client(transport=httpx.MockTransport(handle)))
    found = checks.refused_keys(Settings(destinations=(Destination(name="d", settings=keys(secret)),)))
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


def doubts(folder: Path, **more: object) -> str:
    given = {"server": Server(assets=folder), "spool": SpoolSettings(path=str(folder / "spool.db")), **more}
    return "\n".join(checks.doubts_of(Settings.model_validate(given)))


def test_what_probably_is_not_meant_is_said(tmp_path: Path) -> None:
    sources = (Source(name="web", write_key="a"), Source(name="app", write_key="b"))
    only_web = Destination(name="d", settings=keys(), sources=("web",))
    said = doubts(tmp_path, sources=sources, destinations=(only_web,))
    assert "sources.app: no destination takes its events" in said
    assert "sources.web" not in said
    assert "server.assets" in said
    said = doubts(tmp_path / "none", sources=sources)
    assert "destinations: there is none" in said
    assert "spool.path: the folder" in said


def test_what_is_meant_is_not_doubted(tmp_path: Path) -> None:
    (tmp_path / "page").mkdir()
    (tmp_path / "page" / "session-plugin.js").write_text("")
    assert doubts(tmp_path, destinations=(Destination(name="d", settings=keys()),)) == ""
