"""The command line: what it prints and how it ends."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from forwarder.cli import cli

CONFIG = """
[[sources]]
name = "web"
write_key = "web-key"
[[destinations]]
name = "amplitude"
[destinations.settings]
apiKey = "the-api-key"
"""


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
    assert (done.exit_code, done.stdout) == (0, "fine: 1 sources, 1 destinations\n")
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
    done = run("plan", "--config", config, given='nonsense\n[]\n{"type": "alias", "messageId": "m"}\n')
    assert done.exit_code == 1
    assert "line 1 is not JSON" in done.output
    assert "line 2 is not a JSON object" in done.output
    assert '{"messageId":"m","planned":[]}' in done.output


def test_plan_needs_a_destination() -> None:
    done = run("plan", env={"AMPLITUDE_API_KEY": ""})
    assert done.exit_code == 1
    assert "no destination is configured" in done.output
