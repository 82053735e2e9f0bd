"""The configuration: defaults, references, and every problem at once."""

import json
import re
import tomllib
from pathlib import Path

import pytest
from pydantic import BaseModel

from browser_plugin.settings import read_settings
from forwarder.config import settings as module
from forwarder.config.load import load_settings, parse_settings
from forwarder.config.secrets import resolve
from forwarder.config.settings import Settings
from forwarder.errors import ConfigError
from forwarder.routing import routes

EXAMPLE = Path(module.__file__).parents[1] / "example.toml"


def problems(raw: dict[str, object], environment: dict[str, str] | None = None) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        parse_settings(raw, environment or {}, Path())
    return caught.value.problems


def test_works_without_a_file() -> None:
    settings = load_settings(None, {})
    assert settings.sources[0].write_key == "demo"
    assert settings.destinations == ()


def test_without_a_file_the_environment_names_the_project() -> None:
    settings = load_settings(None, {"AMPLITUDE_API_KEY": "abc"})
    keys = settings.destinations[0].settings.plain()
    assert keys == {"apiKey": "abc", "secretKey": "", "endpoint": "north_america"}


def test_secrets_come_from_the_environment_and_from_files(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("from a file\n")
    config = tmp_path / "forwarder.toml"
    config.write_text(
        '[[destinations]]\nname = "a"\n[destinations.settings]\n'
        f'apiKey = "${{KEY}}"\nsecretKey = "file:{tmp_path / "secret"}"\nendpoint = "${{WHERE:-europe}}"\n'
    )
    settings = load_settings(config, {"KEY": "from the environment"})
    assert settings.destinations[0].settings.plain() == {
        "apiKey": "from the environment",
        "secretKey": "from a file",
        "endpoint": "europe",
    }


def test_every_problem_is_named_at_once() -> None:
    found = problems(
        {
            "server": {"port": 99999, "public_url": "events.example.com", "operator_token": "short"},
            "limits": {"event_byte": 1},
            "sources": [{"name": "a"}],
            "destinations": [{"name": "d", "settings": {"apiKey": "${NOT_THERE}"}}],
        }
    )
    text = "\n".join(found)
    for part in (
        "server.port",
        "server.public_url",
        "server.operator_token",
        "limits.event_byte: is not a setting",
        "sources[0].write_key: is missing",
        "destinations[0].settings.apiKey: the environment has no NOT_THERE",
    ):
        assert part in text


MISTAKES = """
surprise = 1
[server]
port = 99999
public_url = "events.example.com/path"
trusted_proxies = ["10.0.0.0/40"]
operator_token = "hunter2-short"
api_path = "v3"
stop_seconds = -1
[spool]
path = "nats://host:4222"
max_events = 0
[limits]
event_byte = 1
nesting = 1000
[session]
sessionLenght = 5
[[sources]]
name = "web"
write_key = "k e y"
allowed_origins = ["https://shop.example.com/"]
[[sources]]
name = "web"
strict = "perhaps"
write_key = "b"
[[sources]]
name = "other"
write_key = "b"
session = { nope = 1 }
[[destinations]]
name = "amplitude"
sources = ["wbe"]
base_url = "http://user:password@localhost:9000"
batch_events = 5000
subscriptions_file = "none.json"
[destinations.settings]
apiKey = "${NOT_THERE}"
secretKey = "file:nowhere"
endpoint = "asia"
[[destinations]]
name = "second"
subscriptions = [{ name = "x", subscribe = 'type = "trakc', partnerAction = "logEvnt", mapping = {} }]
[destinations.settings]
apiKey = " a key "
"""
SAID = """
surprise: is not a setting; there are server, spool,
server.port: must be less than or equal to 65535
server.public_url: must be like https://events.example.com or
server.trusted_proxies: '10.0.0.0/40' does not appear
server.operator_token: must have 16 or more
server.api_path: must be 'v1' or 'd'
server.stop_seconds: must be greater than or equal to 0
spool.path: must end in the stream's name: letters, digits, _ and -, like nats://host:4222/events
spool.max_events: must be greater than 0
limits.event_byte: is not a setting; did you mean event_bytes?
limits.nesting: must be less than or equal to 200
session.sessionLenght is not a setting
sources[0].write_key: must be 1 to 128 letters
sources[0].allowed_origins: 'https://shop.example.com/' is no origin
sources[1].strict: must be a valid boolean
sources: web is there twice
write keys: b is there twice
sources.other.session.nope is not a setting
destinations.amplitude.sources: there is no source wbe; name one of other, web
destinations[0].base_url: must be like
destinations[0].batch_events: must be less than or equal to 2000
destinations.amplitude.subscriptions_file: none.json: No such file
destinations[0].settings.apiKey: the environment has no NOT_THERE; set it
destinations[0].settings.secretKey: cannot read nowhere: No such file
destinations[0].settings.endpoint: must be 'north_america' or 'europe'
destinations[1].settings.apiKey: begins or ends with a blank
destinations.second: subscriptions[0] 'x': partnerAction: there is no 'logEvnt'; did you mean logEvent?
destinations.second: subscriptions[0] 'x': subscribe:
"""


def test_many_mistakes_are_named_at_once_and_once_each() -> None:
    said = SAID.strip().splitlines()
    found = problems(tomllib.loads(MISTAKES))
    for start in said:
        assert [line for line in found if line.startswith(start)] != [], start
    assert len(found) == len(said)
    assert not [line for line in found if "password" in line or "hunter2" in line or "a key" in line]


def test_relative_paths_of_secrets_start_at_the_file(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("an operator's long token\n")
    settings = parse_settings({"server": {"operator_token": "file:token"}}, {}, tmp_path)
    assert settings.server.operator_token.get_secret_value() == "an operator's long token"


def test_contradictions_between_fields_are_named() -> None:
    source = {"name": "web", "write_key": "k", "session": {"sessionLenght": 1}}
    destination = {"name": "d", "settings": {"apiKey": "x"}, "sources": ["wbe"]}
    text = "\n".join(
        problems({"sources": [source, {**source, "session": {}}], "destinations": [destination]})
    )
    assert "sources: web is there twice" in text
    assert "write keys: k is there twice" in text
    assert "there is no source wbe; name one of web" in text
    assert "sources.web.session.sessionLenght is not a setting" in text


def test_no_problem_shows_a_secret() -> None:
    found = problems(
        {"server": {"operator_token": "hunter2"}, "destinations": [{"settings": {"apiKey": "k3y"}}]}
    )
    assert "hunter2" not in "\n".join(found)
    settings = load_settings(None, {"AMPLITUDE_API_KEY": "k3y-of-the-project"})
    assert "k3y-of-the-project" not in repr(settings)


def test_settings_are_frozen() -> None:
    settings = load_settings(None, {})
    with pytest.raises(ValueError, match="frozen"):
        settings.server.port = 1


def test_subscriptions_are_read_from_a_file(tmp_path: Path) -> None:
    one = {"name": "one", "subscribe": 'type = "track"', "partnerAction": "logEvent", "mapping": {}}
    one["mapping"] = {"event_type": {"@path": "$.event"}}
    (tmp_path / "subscriptions.json").write_text(json.dumps([one]))
    raw: dict[str, object] = {
        "destinations": [
            {"name": "d", "settings": {"apiKey": "x"}, "subscriptions_file": "subscriptions.json"}
        ]
    }
    assert parse_settings(raw, {}, tmp_path).destinations[0].subscriptions == (one,)
    (tmp_path / "subscriptions.json").write_text("{")
    with pytest.raises(ConfigError, match=r"subscriptions\.json is not JSON"):
        parse_settings(raw, {}, tmp_path)


def test_a_missing_or_broken_file_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="No such file"):
        load_settings(tmp_path / "none.toml", {})
    (tmp_path / "broken.toml").write_text("[server")
    with pytest.raises(ConfigError, match="is not TOML"):
        load_settings(tmp_path / "broken.toml", {})


def test_the_example_is_valid_and_shows_every_setting() -> None:
    settings = load_settings(EXAMPLE, {"AMPLITUDE_API_KEY": "x"})
    assert settings.sources[0].name == "shop"
    text = EXAMPLE.read_text()

    def names(model: type[BaseModel]) -> set[str]:
        return set(model.model_fields)

    every = names(Settings)
    for model in (
        module.Server,
        module.SpoolSettings,
        module.Limits,
        module.Source,
        module.Destination,
        module.AmplitudeKeys,
    ):
        every |= names(model)
    shown = set(re.findall(r"^#?\s*\[*(?:destinations\.)?(\w+)", text, re.MULTILINE))
    assert every <= shown, every - shown


def test_the_example_shows_the_defaults() -> None:
    settings = load_settings(EXAMPLE, {"AMPLITUDE_API_KEY": "x"})
    assert settings.limits == Settings().limits
    assert settings.server == Settings().server
    assert (
        settings.spool.model_copy(update={"path": "spool.db", "copy_path": "spool-copy.db"})
        == Settings().spool
    )


@pytest.mark.parametrize("text", ["${HOME", "${}", "a ${1X} b", "$${X}", "${X:}", "${X-y}"])
def test_what_looks_like_a_reference_and_is_none_is_told(text: str) -> None:
    [problem] = resolve({"key": text}, {"X": "x", "HOME": "h"}, Path())[1]
    assert problem.startswith("key: $")


@pytest.mark.parametrize("text", ["$X", "a$", "{X}", "${X}", "${X}${X}", "${Y:-}", "$ {X}"])
def test_other_texts_are_taken_as_they_are(text: str) -> None:
    assert resolve({"key": text}, {"X": "x"}, Path())[1] == []


def test_a_file_is_read_only_as_far_as_a_secret_can_be() -> None:
    value, [problem] = resolve("file:/dev/zero", {}, Path())
    assert value == ""
    assert "larger than 64 KB" in problem


@pytest.mark.parametrize("text", ["false", "off", "no", "0", "False"])
def test_texts_switch_flags_off(text: str) -> None:
    source = {"name": "a", "write_key": "a", "strict": "${FLAG}", "client_addresses": "${FLAG}"}
    raw = {"sources": [{**source, "session": {"sessionEvents": "${FLAG}"}}]}
    [read] = parse_settings(raw, {"FLAG": text}, Path()).sources
    assert (read.strict, read.client_addresses) == (False, False)
    assert not read_settings(read.session)[0].session_events


def test_a_window_holds_a_whole_request() -> None:
    keys = {"name": "amplitude", "settings": {"apiKey": "k"}}
    small = {**keys, "window_events": 500}
    assert problems({"destinations": [small]}) == [
        "destinations[0]: window_events (500) is below batch_events (2000): no request would ever be full;"
        " raise it, or lower batch_events"
    ]
    settings = parse_settings({"destinations": [{**small, "batch_events": 500}]}, {}, Path())
    assert routes(settings)[0].settings.window == 500
