"""Cases that people of the field brought (D1 to D35), from the request to Amplitude, in one real process.

The page's cases are in ``tests/browser/test_field_cases.py``; what single modules make of the same kinds is
tried where the modules are.
"""

import gzip
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from tests.support import patient
from tests.support.amplitude import Amplitude, fake_amplitude
from tests.support.configuration import toml
from tests.support.forwarder import Running, forwarder
from tests.support.operator import command, dead, invoked
from tests.support.waiting import eventually

TOKEN = "an-operators-long-token"
USER = {"@path": "$.userId"}
SUBSCRIPTIONS: list[dict[str, Any]] = [
    {  # D1: two mappings of one event; D16: in the form of the Public API; D17: a field that is gone
        "subscribe": 'type = "track"',
        "partnerAction": "logEventV2",
        "mapping": {
            "event_type": {"@path": "$.event"},
            "user_id": USER,
            "time": {"@path": "$.timestamp"},
            "ip": {"@path": "$.context.ip"},
            "session_id": {"@path": "$.integrations.Actions Amplitude.session_id"},
            "autocaptureAttributionEnabled": True,
        },
    },
    {
        "id": "a",
        "name": "Funnel",
        "actionId": "b",
        "actionSlug": "logEventV2",
        "destinationId": "c",
        "modelId": None,
        "enabled": True,
        "trigger": 'event = "Signed Up"',
        "settings": {"event_type": "Funnel: Sign-up", "user_id": USER},
    },
    {  # D2: switched off
        "enabled": False,
        "subscribe": 'type = "track"',
        "partnerAction": "logEventV2",
        "mapping": {"event_type": "Never", "user_id": USER},
    },
    {
        "subscribe": 'type = "screen"',
        "partnerAction": "logEventV2",
        "mapping": {"event_type": {"@template": "Viewed {{name}}"}, "device_id": {"@path": "$.anonymousId"}},
    },
]
CONFIG = toml(
    {
        "server": {"operator_token": TOKEN, "trusted_proxies": ["127.0.0.1"]},
        "sources": [
            {"name": "web", "write_key": "demo"},
            {"name": "strict", "write_key": "strict", "strict": True},
        ],
        "destinations": [
            {
                "name": "amplitude",
                "base_url": "URL",
                "linger_ms": 5,
                "subscriptions_file": "subscriptions.json",
                "settings": {"apiKey": "k"},
            }
        ],
    }
)


@pytest.fixture(scope="module")
def amplitude() -> Iterator[Amplitude]:
    with fake_amplitude() as one:
        yield one


@pytest.fixture(scope="module")
def config(amplitude: Amplitude, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("field")
    (folder / "subscriptions.json").write_text(json.dumps(SUBSCRIPTIONS))
    (folder / "forwarder.toml").write_text(CONFIG.replace("URL", amplitude.url))
    return folder / "forwarder.toml"


@pytest.fixture(scope="module")
def running(config: Path) -> Iterator[Running]:
    with forwarder(config) as one:
        yield one


def post(running: Running, body: object, path: str = "/v1/batch", key: str = "demo", **headers: str) -> Any:
    """Post a body, JSON unless it is bytes; return the answer."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return patient.post(running.url + path, content=content, headers=named, auth=(key, ""))


def track(name: str, **fields: Any) -> dict[str, Any]:
    return {"type": "track", "event": name, "userId": "user-1234", "messageId": f"m-{name}", **fields}


def test_two_mappings_of_one_event_both_count(running: Running, amplitude: Amplitude) -> None:
    assert post(running, {"batch": [track("Signed Up")]}).status_code == 200
    assert eventually(lambda: amplitude.events("Signed Up") and amplitude.events("Funnel: Sign-up"))
    arrived = [one for one in amplitude.arrivals() if "Sign" in str(one["item"].get("event_type"))]
    assert [one["counted"] for one in arrived] == [True, True]
    assert len({one["item"]["insert_id"] for one in arrived}) == 2
    assert not amplitude.events("Never"), "it is switched off"


@pytest.mark.parametrize(
    ("number", "timestamp"),
    list(
        enumerate(
            ["1763010312345", "01/02/2026", "2016-13-18 12:34:56 -0700 PDT", "0001-01-01T00:00:00Z", {}]
        )
    ),
)
def test_no_event_lies_in_another_century(
    running: Running, amplitude: Amplitude, number: int, timestamp: object
) -> None:
    event = track(f"Timed {number}", timestamp=timestamp)
    assert post(running, {"batch": [event], "sentAt": "0001-01-01T00:00:00Z"}).status_code == 200
    [item] = amplitude.wait_for(f"Timed {number}")
    now = datetime.now(UTC).timestamp() * 1000
    assert item["time"] == 1_763_010_312_345 or abs(item["time"] - now) < 60_000


def test_a_time_that_is_none_is_counted_and_told_to_a_strict_source(running: Running) -> None:
    answer = post(running, {"batch": [track("Import", timestamp="yesterday")]}, key="strict")
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["code"] == "unreadable_timestamp"
    said = patient.get(f"{running.url}/metrics", headers={"authorization": f"Bearer {TOKEN}"}).text
    assert 'forwarder_time_problems_total{problem="unreadable_timestamp",source="strict"}' in said


def test_one_bad_event_costs_itself(running: Running, amplitude: Amplitude) -> None:
    agent = b'{"type":"track","event":"Cafe","userId":"user-1234","context":{"userAgent":"caf\xe9"}}'
    bad = (agent, b'{"type":"track","event":"Open,"userId":"user-1234"}', b"\x00\xff", b"{]")
    for number, each in enumerate(bad):
        names = [f"Good {number}.{n}" for n in range(5)]
        events = [json.dumps(track(name)).encode() for name in names]
        body = b'{"batch":[' + b",".join([*events[:3], each, *events[3:]]) + b"]}"
        assert post(running, body).status_code == 200
        assert all(amplitude.wait_for(name) for name in names)
    assert amplitude.wait_for("Cafe"), "a byte of another encoding is mended"


def test_a_mapped_address_is_the_address(running: Running, amplitude: Amplitude) -> None:
    event = track("Mapped", context={"library": {"name": "analytics.js"}})
    answer = post(running, {"batch": [event]}, x_forwarded_for="::ffff:203.0.113.9")
    assert answer.status_code == 200
    assert amplitude.wait_for("Mapped")[0]["ip"] == "203.0.113.9"


def test_rudderstack_s_sessions_and_screens(running: Running, amplitude: Amplitude) -> None:
    session = {"sessionId": 1_795_669_200_000, "sessionStart": True}
    assert post(running, track("RS", context=session), "/v1/track").status_code == 200
    screen = {"type": "screen", "event": "Home", "anonymousId": "anon-2", "properties": {"name": "Home"}}
    assert post(running, screen, "/v1/screen").status_code == 200
    assert amplitude.wait_for("RS")[0]["session_id"] == 1_795_669_200_000
    assert amplitude.wait_for("Viewed Home")[0]["device_id"] == "anon-2"
    answer = patient.get(f"{running.url}/sourceConfig?p=android&v=1.20.0", auth=("demo", ""))
    assert answer.json()["source"]["writeKey"] == "demo"


def test_a_body_of_two_members(running: Running, amplitude: Amplitude) -> None:
    text = json.dumps({"batch": [track("Members")]}).encode()
    members = gzip.compress(text[:30]) + gzip.compress(text[30:])
    assert post(running, members, content_encoding="gzip").status_code == 200
    assert amplitude.wait_for("Members")


def test_no_terminal_obeys_a_message_id(running: Running, config: Path) -> None:
    event = {"type": "track", "event": "E", "userId": ["x"], "anonymousId": "anon-12345"}
    evil = {**event, "messageId": "\x1b]0;title\x07"}
    assert post(running, {"batch": [evil]}).status_code == 200

    def listed() -> str:
        return dead(config, "list")

    assert eventually(lambda: "title" in listed())
    assert "\x1b" not in listed()
    assert "\x07" not in listed()


def test_plan_says_what_serve_would_do(config: Path) -> None:
    """D14, D15: options that exclude the destination; pretty-printed JSON, lists, bodies of batches."""
    denied = track("Denied", integrations={"All": False})
    for text in (
        json.dumps(denied),
        json.dumps(denied, indent=2),
        json.dumps([denied]),
        json.dumps({"batch": [denied]}),
    ):
        [line] = command("plan", "--config", str(config), given=text).splitlines()
        assert json.loads(line)["filtered"] == {"amplitude": "excluded by integrations"}
        assert json.loads(line)["planned"] == []


def test_check_tells_what_is_hardly_meant(config: Path) -> None:
    """D2, D17, D18, D35: what is off, gone, can never match, or is far too short."""
    changed = config.read_text().replace(
        'write_key = "demo"', 'write_key = "demo"\nallowed_origins = ["ORIGIN"]'
    )
    other = config.with_name("other.toml")

    def said(origin: str, session: str = "") -> Result:
        other.write_text(
            changed.replace("ORIGIN", origin).replace("[server]", f"{session}[server]\nport = 0")
        )
        return invoked("check", "--config", str(other))

    done = said("https://*.example.com", "[session]\nsessionLength = 1800\n")
    assert done.exit_code == 0
    assert "switched off" in done.stderr
    assert "autocaptureAttributionEnabled" in done.stderr
    assert "1.8 s" in done.stderr
    assert said("capacitor://localhost").exit_code == 0
    never = said("https://shop.example.com/cart")
    assert never.exit_code == 1
    assert "allowed_origins" in never.stderr
