"""What Amplitude's answers say of keys: with both, with the API key alone, and of a test event."""

from collections.abc import Callable
from typing import Any

import httpx
import orjson
import pytest
from click.testing import CliRunner

from forwarder.amplitude.wire.endpoints import Endpoint
from forwarder.cli import cli
from forwarder.cli.online import DEVICE_ID, EVENT_TYPE, FOLLOW_S, Found, try_keys
from forwarder.config.settings import AmplitudeKeys, Destination, Settings

Said = int | Exception | dict[str, Any]
SEEN, NONE, UNSURE = ({"status": word} for word in ("observed", "not_observed", "inconclusive"))
TAKEN = {"code": 200, "events_ingested": 1}


class Amplitude:
    """Answers by endpoint, each in order, the last one again and again."""

    def __init__(self, search: Said = 200, recent: Said | list[Said] = 404, upload: Said = 500) -> None:
        self.says = {
            Endpoint.USERSEARCH: [search],
            Endpoint.RECENT: recent if isinstance(recent, list) else [recent],
            Endpoint.HTTPAPI: [upload],
        }
        self.requests: list[httpx.Request] = []
        self.slept: list[float] = []

    def answer(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        says = self.says[Endpoint(request.url.path)]
        said = says.pop(0) if len(says) > 1 else says[0]
        if isinstance(said, Exception):
            raise said
        return httpx.Response(said) if isinstance(said, int) else httpx.Response(200, json=said)

    def asked(self, endpoint: Endpoint) -> list[Any]:
        return [orjson.loads(one.content) for one in self.requests if one.url.path == endpoint]


@pytest.fixture
def tried(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Found]:
    real = httpx.Client

    def run(to: Amplitude, secret: str = "", region: str = "north_america", *, send: bool = False) -> Found:
        monkeypatch.setattr(httpx, "Client", lambda **_: real(transport=httpx.MockTransport(to.answer)))
        keys = AmplitudeKeys.model_validate({"apiKey": "api", "secretKey": secret, "endpoint": region})
        settings = Settings(destinations=(Destination(name="d", settings=keys),))
        found = try_keys(settings, send=send, sleep=to.slept.append)
        for request in to.requests:
            assert "api" not in str(request.url.query), "keys in addresses get into the logs of proxies"
        for line in (*found.problems, *found.notes):
            assert line.startswith("destinations.d.settings: ")
        return found

    return run


@pytest.mark.parametrize("search", [200, 429])
@pytest.mark.parametrize("recent", [SEEN, 404, 429, 500])
def test_both_keys_that_are_taken(tried: Callable[..., Found], search: int, recent: Said) -> None:
    to = Amplitude(search, recent)
    assert tried(to, "s").problems == []
    assert [one.url.host for one in to.requests] == ["amplitude.com", "developer-api.amplitude.com"]


@pytest.mark.parametrize(
    ("search", "text"),
    [
        (401, "refuses the keys"),
        (403, "refuses the keys"),
        (500, "answers 500"),
        (httpx.ConnectError("no"), "usersearch: no;"),
    ],
)
def test_both_keys_that_are_not(tried: Callable[..., Found], search: Said, text: str) -> None:
    to = Amplitude(search, SEEN)
    [line] = tried(to, "s", "europe", send=True).problems
    assert text in line
    assert [one.url.host for one in to.requests] == ["analytics.eu.amplitude.com"], "nothing is sent then"


@pytest.mark.parametrize(
    ("said", "words"),
    [
        (SEEN, "knows the API key, and received events in the last 8 h"),
        (NONE, "knows the API key, and received no event in the last 8 h"),
        (UNSURE, "cannot tell now"),
        ({"data": {"result": "not_observed"}, "window": {"start": 1}}, "received no event"),
    ],
)
def test_the_api_key_alone(tried: Callable[..., Found], said: Said, words: str) -> None:
    to = Amplitude(recent=said)
    found = tried(to)
    assert found.problems == []
    assert words in found.notes[0]
    assert to.asked(Endpoint.RECENT) == [{"api_key": "api"}]
    assert len(to.requests) == 1


@pytest.mark.parametrize(
    ("said", "text"),
    [
        (400, "refuses the API key (400)"),
        (401, "refuses the API key (401)"),
        (403, "refuses the API key (403)"),
        (404, "answers 404, and nothing of use; give a secretKey, or try --send"),
        (500, "answers 500"),
        (200, "answers 200, and nothing of use"),
        ({"status": "fine"}, "answers 200, and nothing of use"),
        (httpx.ConnectError("no"), "check-recent-ingestion: no;"),
    ],
)
def test_the_api_key_alone_that_is_not_taken(tried: Callable[..., Found], said: Said, text: str) -> None:
    to = Amplitude(recent=said)
    found = tried(to)
    assert text in found.problems[0]
    assert found.notes == []


def test_in_europe_there_is_no_check_by_api_key_alone(tried: Callable[..., Found]) -> None:
    to = Amplitude(recent=SEEN, upload=TAKEN)
    [line] = tried(to, "", "europe").problems
    assert "no check by API key alone in Europe" in line
    assert to.requests == []
    found = tried(to, "", "europe", send=True)
    assert found.problems == []
    assert "cannot be asked, so look for it" in found.notes[-1]
    assert [one.url.host for one in to.requests] == ["api.eu.amplitude.com"]


def test_a_test_event_is_followed(tried: Callable[..., Found]) -> None:
    to = Amplitude(recent=[NONE, {**NONE, "poll_after_seconds": 7}, SEEN], upload=TAKEN)
    found = tried(to, send=True)
    assert found.problems == []
    assert "has counted it" in found.notes[-1]
    assert to.slept == [7]
    [sent] = to.asked(Endpoint.HTTPAPI)
    [event] = sent["events"]
    assert (event["event_type"], event["device_id"]) == (EVENT_TYPE, DEVICE_ID)
    assert event["insert_id"]
    assert [one.get("polling_timeout_seconds") for one in to.asked(Endpoint.RECENT)] == [None, 60, 53]


@pytest.mark.parametrize(("pause", "slept"), [(25, [25, 25, 10]), (0, [1] * 60), (None, [])])
def test_a_test_event_that_never_counts(
    tried: Callable[..., Found], pause: int | None, slept: list[float]
) -> None:
    to = Amplitude(recent=[NONE, {**NONE, "poll_after_seconds": pause}], upload=TAKEN)
    [line] = tried(to, send=True).problems
    assert f"not counted it in {FOLLOW_S} s" in line
    assert to.slept == slept


def test_among_others_a_test_event_cannot_be_told(tried: Callable[..., Found]) -> None:
    found = tried(Amplitude(recent=SEEN, upload=TAKEN), send=True)
    assert found.problems == []
    assert "others came before it, so look for it" in found.notes[-1]


@pytest.mark.parametrize("said", [400, 500, 200, {"code": 400}])
def test_a_test_event_that_is_not_taken(tried: Callable[..., Found], said: Said) -> None:
    [line] = tried(Amplitude(recent=NONE, upload=said), send=True).problems
    assert "the test event is not accepted" in line


def test_sending_has_to_be_asked_for_with_online() -> None:
    done = CliRunner().invoke(cli, ["check", "--send"])
    assert done.exit_code == 2
    assert "--send goes with --online" in done.output
