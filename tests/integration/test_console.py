"""The operator's pages of a running forwarder."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from tests.support import patient
from tests.support.amplitude import Amplitude, fake_amplitude
from tests.support.configuration import configuration
from tests.support.forwarder import forwarder
from tests.support.waiting import eventually

TOKEN = "an-operators-token"
MARKUP = "<script>alert(1)</script>"


def configured(amplitude: Amplitude) -> str:
    """Return a configuration with a console."""
    keys = {"apiKey": "the-api-key", "secretKey": "the-secret-key"}
    return configuration(amplitude=amplitude.url, settings=keys, server={"operator_token": TOKEN})


@contextmanager
def served(folder: Path, amplitude: Amplitude) -> Iterator[str]:
    """Run a forwarder with a console; give its address."""
    config = folder / "forwarder.toml"
    config.write_text(configured(amplitude))
    with forwarder(config) as running:
        yield running.url


def signed_in(url: str) -> httpx.Client:
    """Return a client of the console that shows the operator's token."""
    return patient.client(base_url=url, auth=("anyone", TOKEN))


@pytest.fixture(scope="module")
def amplitude() -> Iterator[Amplitude]:
    with fake_amplitude() as running:
        yield running


@pytest.fixture
def url(tmp_path: Path, amplitude: Amplitude) -> Iterator[str]:
    with served(tmp_path, amplitude) as address:
        yield address


@pytest.fixture
def operator(url: str) -> Iterator[httpx.Client]:
    with signed_in(url) as client:
        yield client


@pytest.fixture(scope="module")
def quiet_url(tmp_path_factory: pytest.TempPathFactory, amplitude: Amplitude) -> Iterator[str]:
    """One forwarder for all tests that send no events."""
    with served(tmp_path_factory.mktemp("console"), amplitude) as address:
        yield address


@pytest.fixture
def quiet_operator(quiet_url: str) -> Iterator[httpx.Client]:
    with signed_in(quiet_url) as client:
        yield client


def send(url: str, **event: object) -> None:
    patient.post(f"{url}/v1/track", json={"writeKey": "web-key", "event": "Seen", **event}).raise_for_status()


def test_it_tells_what_became_of_events(url: str, operator: httpx.Client) -> None:
    assert 'class="notice' not in operator.get("/console").text, "nothing wants attention"
    send(url, userId="user-1")
    send(url, userId="user-1", event="")
    send(url, userId="ab", messageId=MARKUP)
    assert eventually(lambda: "amplitude has 1 dead letter" in operator.get("/console").text)
    text = "".join(operator.get(f"/console{path}").text for path in ("", "/destinations", "/settings"))
    for part in ("delivered", "no_event_name", "invalid length of user_id", "short_id"):
        assert part in text
    pages = [text, *(operator.get(path).text for path in ("/console/dead/letters", "/console/dead/1"))]
    for page in pages:
        assert "the-api-key" not in page
        assert "the-secret-key" not in page
        assert TOKEN not in page
        assert MARKUP not in page
    assert "&lt;script&gt;" in pages[1]
    assert "&#34;user_id&#34;: &#34;ab&#34;" in pages[2]


def test_dead_letters_are_sent_again_and_dropped(
    url: str, operator: httpx.Client, amplitude: Amplitude
) -> None:
    amplitude.misbehave({"kind": "bad"}, {"kind": "bad"})
    for number in ("1", "2"):
        send(url, userId=f"user-{number}", event="Bad")
        assert eventually(lambda: f'aria-label="{number}"' in operator.get("/console/dead/letters").text)  # noqa: B023
    for headers in ({"sec-fetch-site": "cross-site"}, {"origin": "https://elsewhere.example"}):
        answer = operator.post("/console/dead/drop", data={"number": "1"}, headers=headers)
        assert answer.status_code == 403
    answer = operator.post(
        "/console/dead/retry", data={"number": "1"}, headers={"sec-fetch-site": "same-origin"}
    )
    assert answer.headers["location"] == "/console/dead/sent/1"
    assert eventually(lambda: "Look again" not in operator.get("/console/dead/sent/1").text)
    assert eventually(lambda: [one["user_id"] for one in amplitude.events("Bad")] == ["user-1"])
    assert operator.post("/console/dead/drop", data={"number": "2"}).status_code == 303
    assert "No dead letters" in operator.get("/console/dead").text
    assert operator.get("/console/dead/2").status_code == 404
    for wrong in ("x", "-1", "9" * 30):
        assert operator.post("/console/dead/drop", data={"number": wrong}).status_code == 400


def test_a_form_of_many_megabytes_is_refused_cheaply(quiet_operator: httpx.Client) -> None:
    for path in ("/console/dead/drop", "/console/dead/retry"):
        answer = quiet_operator.post(path, content=b"number=1&" * 2_000_000)
        assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large")
        assert answer.headers["cache-control"] == "no-store"
    assert quiet_operator.get("/console").status_code == 200


def test_guessing_the_token_is_counted_logged_and_slow(tmp_path: Path, amplitude: Amplitude) -> None:
    config = tmp_path / "guessed.toml"
    config.write_text(configured(amplitude))
    with forwarder(config) as running, patient.client(base_url=running.url) as client:
        guesses = 13  # ten of a minute are answered at once

        def seconds(token: str, status: int) -> float:
            began = time.monotonic()
            headers = {"authorization": f"Bearer {token}"}
            assert client.get("/metrics", headers=headers).status_code == status
            return time.monotonic() - began

        *_, slower, _ = sorted(seconds(f"a-guess-{number}", 401) for number in range(guesses))
        assert slower > 0.5
        assert min(seconds(TOKEN, 200) for _ in range(3)) < slower, "the right token is not held back"
        shown = client.get("/metrics", headers={"authorization": f"Bearer {TOKEN}"})
        assert f'forwarder_operator_refused_total{{why="wrong_token"}} {guesses}.0' in shown.text
        assert (shown.headers["cache-control"], shown.headers["x-content-type-options"]) == (
            "no-store",
            "nosniff",
        )
        running.stop()
        lines = [line for line in running.everything_said() if "wrong operator's token" in line]
        assert len(lines) == 1
        assert "a-guess" not in lines[0]


def test_it_is_the_operators_alone(quiet_url: str) -> None:
    url = quiet_url
    for path in ("", "/dead", "/dead/1", "/nothing"):
        answer = patient.get(f"{url}/console{path}")
        assert answer.status_code == 401
        assert answer.json()["code"] == "operator_only"
    for path in ("/console/style.css", "/"):
        assert TOKEN not in patient.get(url + path).raise_for_status().text, "the same for everybody"
    for path in ("/dead/retry", "/dead/drop"):
        assert patient.post(f"{url}/console{path}", data={"number": "1"}).status_code == 401


def test_a_browser_signs_in_on_a_page_and_the_token_is_in_no_address_or_log(
    tmp_path: Path, amplitude: Amplitude
) -> None:
    config = tmp_path / "signed.toml"
    config.write_text(configured(amplitude))
    browser = {"accept": "text/html", "sec-fetch-site": "same-origin"}
    with (
        forwarder(config) as running,
        patient.client(base_url=running.url, headers=browser, follow_redirects=True) as client,
    ):
        assert 'href="console"' in client.get("/").text
        asked = client.get("/console/dead")
        assert asked.url.path == "/console/sign-in"
        answer = client.post("/console/sign-in", data={"token": TOKEN, "next": "/console/dead"})
        assert answer.url.path == "/console/dead"
        assert "No dead letters" in answer.text
        assert "Sign in" in client.post("/console/sign-out").text
        made = client.post("/console/sign-in-links", headers={"authorization": f"Bearer {TOKEN}"}).json()
        assert "You are signed in" in client.get(made["link"]).text
        assert "No event has come yet" in client.get("/console").text
        running.stop()
        said = "\n".join(running.everything_said())
    assert "somebody signed in" in said
    for secret in (TOKEN, made["link"].rpartition("=")[2], *client.cookies.values()):
        assert secret not in said


def test_its_pages_take_nothing_from_elsewhere(quiet_operator: httpx.Client) -> None:
    answer = quiet_operator.get("/console")
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert answer.headers["cache-control"] == "no-store"
    assert quiet_operator.get("/console/style.css").headers["content-type"].startswith("text/css")
