"""The command line: what it prints and how it ends."""

import json
import time
from pathlib import Path
from typing import Any

import pytest
import structlog
from click.testing import CliRunner, Result

from forwarder.cli import cli
from tests.support.configuration import AT_AMPLITUDE, configuration

CONFIG = configuration(amplitude=AT_AMPLITUDE, server={"assets": "nowhere"})


def run(*words: str, given: str = "", env: dict[str, str] | None = None) -> Result:
    return CliRunner().invoke(cli, list(words), input=given, env=env, prog_name="forwarder")


@pytest.fixture
def config(tmp_path: Path) -> str:
    path = tmp_path / "forwarder.toml"
    path.write_text(CONFIG)
    return str(path)


def test_help_lists_the_commands() -> None:
    done = run("--help")
    assert done.exit_code == 0
    for command in ("serve", "check", "plan"):
        assert command in done.output
        assert run(command, "--help").exit_code == 0


def test_a_good_configuration_is_fine(config: str) -> None:
    done = run("check", "--config", config)
    assert (done.exit_code, done.stdout) == (0, "fine, with 1 warning: 1 source, 1 destination\n")
    assert done.stderr.startswith("warning: server.assets: ")


def test_check_names_every_problem(tmp_path: Path) -> None:
    path = tmp_path / "forwarder.toml"
    path.write_text("[server]\nport = 'x'\n[limits]\nnone = 1\n[[destinations]]\nname = 'd'\n")
    done = run("check", "--config", str(path))
    assert done.exit_code == 1
    for part in ("server.port", "limits.none", "destinations[0].settings"):
        assert part in done.output


@pytest.mark.parametrize("command", ["serve", "check", "plan"])
def test_a_missing_file_is_one_message(command: str) -> None:
    done = run(command, "--config", "nowhere.toml")
    assert done.exit_code == 1
    assert "nowhere.toml: No such file or directory; give the file with --config" in done.output


def test_plan_shows_the_requests(config: str) -> None:
    event = {"type": "track", "event": "Seen", "userId": "u", "messageId": "m"}
    done = run("plan", "--config", config, given=json.dumps(event) + "\n\n")
    [line] = done.output.splitlines()
    said = json.loads(line)
    assert said["messageId"] == "m"
    [planned] = said["planned"]
    assert planned["error"] is None
    [call] = planned["calls"]
    assert (call["method"], call["url"]) == ("POST", "https://api2.amplitude.com/2/httpapi")
    assert call["json"]["events"][0]["event_type"] == "Seen"


def test_plan_goes_on_after_a_bad_line(config: str) -> None:
    done = run("plan", "--config", config, given='5\nnonsense\n{"type": "alias", "messageId": "m"}\n')
    assert done.exit_code == 1
    assert "line 1 holds no JSON object" in done.output
    assert "line 2 is not JSON" in done.output
    assert '{"messageId":"m","planned":[],"rejected":{"code":"no_user_anon_id"' in done.output


EVENT = {"type": "track", "event": "E", "userId": "user-1234", "messageId": "m"}


def planned(config: str, *events: object, given: str = "") -> list[dict[str, Any]]:
    text = given or "\n".join(json.dumps(event) for event in events)
    done = run("plan", "--config", config, given=text)
    assert done.exit_code == 0, done.output
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.mark.parametrize(
    "integrations",
    [
        {"All": False},
        {"Actions Amplitude": False},
        {"Amplitude (Actions)": False},
        {"Amplitude (Actions)": False, "Actions Amplitude": {"session_id": 1}},
    ],
)
def test_plan_says_what_is_filtered(config: str, integrations: dict[str, object]) -> None:
    event = {**EVENT, "integrations": integrations}
    filtered = {"amplitude": "excluded by integrations"}
    assert planned(config, event) == [{"messageId": "m", "planned": [], "filtered": filtered}]
    text = run("plan", "--config", config, "--explain", given=json.dumps(event)).output
    assert "filtered: excluded by integrations; nothing is sent" in text
    assert "POST" not in text


def test_plan_says_that_nothing_matches(config: str) -> None:
    [one] = planned(config, {"type": "group", "groupId": "g", "userId": "u-12345", "messageId": "m"})
    assert one["filtered"] == {"amplitude": "no trigger matched"}


@pytest.mark.parametrize(
    ("event", "code"),
    [
        ({"type": "foo", "userId": "user-1234"}, "unknown_type"),
        ({"type": "track", "userId": "user-1234"}, "no_event_name"),
        ({"type": "track", "event": "E"}, "no_user_anon_id"),
        ({**EVENT, "context": "x"}, "invalid_context"),
        ({**EVENT, "properties": {"a": "x" * 40_000}}, "event_too_large"),
        ({**EVENT, "writeKey": "unknown"}, "unknown_write_key"),
    ],
)
def test_plan_rejects_what_serve_rejects(config: str, event: dict[str, object], code: str) -> None:
    [one] = planned(config, event)
    assert (one["planned"], one["rejected"]["code"]) == ([], code)
    text = run("plan", "--config", config, "--explain", given=json.dumps(event)).output
    assert f"rejected ({code}): " in text


def test_what_plan_logs_is_not_among_what_it_prints(config: str) -> None:
    events = [EVENT, {"type": "foo", "userId": "user-1234\x1b[2J"}, EVENT]
    done = run("plan", "--config", config, given="\n".join(map(json.dumps, events)))
    assert len([json.loads(line) for line in done.stdout.splitlines()]) == 3
    assert "events rejected" in done.stderr


@pytest.mark.parametrize("name", sorted(cli.commands))
def test_no_command_logs_into_what_it_prints(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever a command calls may log, a spool in a stream for one."""

    def logging(*_: object, **__: object) -> None:
        structlog.get_logger("any").warning("something happened", who="\x1b[2J")

    monkeypatch.setattr(cli.commands[name], "parse_args", lambda *_: [])
    monkeypatch.setattr(cli.commands[name], "invoke", logging)
    done = run(name)
    assert (done.exit_code, done.stdout) == (0, "")
    assert "something happened" in done.stderr
    assert "\x1b" not in done.stderr


def test_plan_corrects_clocks_and_takes_traits_as_serve_does(config: str) -> None:
    ahead = {**EVENT, "timestamp": "2031-01-01T00:00:00Z"}
    [late] = planned(config, {"batch": [ahead], "sentAt": "2031-01-01T00:00:10Z"})
    time_sent = late["planned"][0]["calls"][0]["json"]["events"][0]["time"]
    assert abs(time_sent - (time.time() * 1000 - 10_000)) < 60_000
    identify = {"type": "identify", "userId": "user-1234", "context": {"traits": {"plan": "pro"}}}
    [one] = planned(config, identify)
    form = one["planned"][0]["calls"][0]["form"]
    assert json.loads(form["identification"])["user_properties"]["plan"] == "pro"


def test_plan_reads_what_people_copy(config: str) -> None:
    for text in (json.dumps(EVENT, indent=2), json.dumps([EVENT], indent=2), json.dumps({"batch": [EVENT]})):
        [one] = planned(config, given=text)
        assert (one["messageId"], len(one["planned"])) == ("m", 1)


def test_plan_says_the_same_at_every_try_of_an_event_without_id(config: str) -> None:
    event = {"type": "track", "event": "E", "userId": "user-1234", "timestamp": "2026-01-01T00:00:00Z"}
    assert planned(config, event) == planned(config, event)
    [first, second] = planned(config, event, {**event, "event": "F"})
    assert first["messageId"] != second["messageId"]


def test_plan_shows_no_key(config: str) -> None:
    events = [EVENT, {"type": "identify", "userId": "user-1234"}]
    for words in (["plan"], ["plan", "--explain"]):
        done = run(*words, "--config", config, given="\n".join(map(json.dumps, events)))
        assert "the-api-key" not in done.output
        assert '"..."' in done.output


def test_plan_knows_where_sources_go(tmp_path: Path) -> None:
    more = '[[sources]]\nname = "app"\nwrite_key = "app-key"\n'
    path = tmp_path / "forwarder.toml"
    path.write_text(more + CONFIG.replace('name = "amplitude"', 'name = "amplitude"\nsources = ["web"]'))
    [app, web] = planned(str(path), EVENT, {**EVENT, "writeKey": "web-key"})
    assert app["filtered"] == {"amplitude": "source not routed here"}
    assert len(web["planned"]) == 1
    done = run("plan", "--config", str(path), "--source", "web", given=json.dumps(EVENT))
    assert json.loads(done.stdout)["planned"]
    done = run("plan", "--config", str(path), "--source", "none", given=json.dumps(EVENT))
    assert "there is no source 'none'; name one of app, web" in done.output


HOSTILE = "\x1b]0;title\x07\x9b2J\u2028\u202e\ud83d\n4711\t"


@pytest.mark.parametrize("words", [["plan"], ["plan", "--explain"]])
def test_plan_is_safe_for_terminals(config: str, words: list[str]) -> None:
    events = [
        {**EVENT, "event": HOSTILE, "messageId": HOSTILE, "properties": {HOSTILE: HOSTILE}},
        {"type": HOSTILE, "messageId": HOSTILE},
    ]
    done = run(*words, "--config", config, given="\n".join(map(json.dumps, events)))
    assert done.exit_code == 0
    assert all(line.isprintable() for line in done.output.split("\n"))


def test_plan_needs_a_destination() -> None:
    done = run("plan", env={"AMPLITUDE_API_KEY": ""})
    assert done.exit_code == 1
    assert "no destination is configured" in done.output
