"""Every mistake in a configuration is told at once, each on one line with its place and its mend."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from forwarder.amplitude import AmplitudeDestination
from forwarder.amplitude.actions.presets import presets
from forwarder.amplitude.problems import errors_of, warnings_of
from forwarder.cli import cli
from forwarder.javascript import packages

SETTINGS = {"apiKey": "key", "secretKey": "secret"}


def subscription(**changed: object) -> dict[str, object]:
    mapping = {"user_id": {"@path": "$.userId"}, "event_type": {"@path": "$.event"}}
    whole = {"name": "one", "subscribe": 'type = "track"', "partnerAction": "logEvent", "mapping": mapping}
    return {**whole, **changed}


def mapped(**fields: object) -> dict[str, object]:
    return subscription(mapping={"event_type": "a", **fields})


def test_presets_have_none() -> None:
    assert errors_of(SETTINGS) == errors_of(SETTINGS, presets()) == warnings_of(presets()) == []


@pytest.mark.parametrize(
    ("subscription", "line"),
    [
        (5, "subscriptions[0]: must be an object"),
        (
            subscription(subscribe="type = 'a"),
            "subscribe: text is not closed at character 7; close it with '",
        ),
        (subscription(subscribe=None), "subscribe: must be a trigger as text"),
        (subscription(partnerAction="logEvnt"), "there is no 'logEvnt'; did you mean logEvent?"),
        (subscription(partnerAction=None), "partnerAction: is missing; use one of"),
        (subscription(mapping=[]), "mapping: must be an object"),
        (subscription(mapping={}), "mapping.event_type: is missing, and nothing is sent without it"),
        (mapped(ip={"@pth": "$.a"}), "mapping.ip: @pth: is no directive; use one of @arrayPath, "),
        (mapped(ip={"@path": 5}), "mapping.ip: @path: should be a string"),
        (mapped(groups={"a": [{"@json": {}}]}), "mapping.groups.a.0: @json: needs an object with 'mode'"),
        (
            mapped(ip={"@liquid": "{% if %}"}),
            "mapping.ip: @liquid: TokenizationError: invalid value expression",
        ),
        (mapped(library2={"behavior": "never"}), "library2.behavior: must be one of auto, use_mapping"),
        (mapped(min_id_length="many"), "mapping.min_id_length: must be an integer or null, but is a text"),
        (mapped(groups="company"), "mapping.groups: must be an object"),
        (
            mapped(products=[{"price": {"@path": 5}}]),
            "mapping.products.0.price: @path: expected a string, got a number",
        ),
        (mapped(__segment_internal_directive={}), "must be one directive"),
    ],
)
def test_one_mistake_is_one_line(subscription: object, line: str) -> None:
    [found] = errors_of(SETTINGS, [subscription])
    assert found.startswith("subscriptions[0]")
    assert line in found
    assert "\n" not in found


@pytest.mark.parametrize(
    "subscription",
    [
        subscription(partnerAction="sessionId", mapping={"sessionLength": 5}),
        subscription(partnerAction="logEventV2", mapping={"event_type": "a", "setOnce": {"anything": "x"}}),
        mapped(min_id_length="3", __segment_internal_sync_mode="add"),
        subscription(mapping={"@path": "$.properties"}),
    ],
)
def test_no_mistake(subscription: dict[str, object]) -> None:
    assert errors_of(SETTINGS, [subscription]) == []


@pytest.mark.parametrize(
    ("subscription", "line"),
    [
        (
            mapped(userId="x"),
            "mapping.userId: there is no such field, so it is ignored; did you mean user_id?",
        ),
        (mapped(xyz="x"), "mapping.xyz: there is no such field, so it is ignored; use one of adid, "),
        (
            mapped(autocaptureAttributionEnabled=True),
            "mapping.autocaptureAttributionEnabled: there is no such",
        ),
        (
            mapped(utm_properties={"utm_sorce": "x"}),
            "utm_sorce: there is no such field, so it is ignored; did you mean utm_source",
        ),
        (
            subscription(partnerAction="sessionId", mapping={"sessionLength": 1800}),
            "mapping.sessionLength: 1800 ms are 1.8 s",
        ),
    ],
)
def test_what_segment_ignores_is_a_doubt(subscription: dict[str, object], line: str) -> None:
    assert errors_of(SETTINGS, [subscription]) == []
    [found] = warnings_of([subscription])
    assert line in found
    AmplitudeDestination(SETTINGS, [subscription])


def test_two_that_make_the_same_insert_id_are_doubted() -> None:
    own = mapped(insert_id={"@path": "$.messageId"})
    assert warnings_of([own]) == []
    found = [line for line in warnings_of([own, {**own, "enabled": False}, own]) if "insert_id" in line]
    assert [line.partition(":")[0] for line in found] == ["subscriptions[0] 'one'", "subscriptions[2] 'one'"]


def test_the_51st_is_one_too_many() -> None:
    assert errors_of(SETTINGS, [subscription()] * 50) == []
    [line] = errors_of(SETTINGS, [subscription()] * 51)
    assert "the 51st is one too many" in line


def test_settings_and_packages(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(packages, "_HERE", tmp_path)
    monkeypatch.setattr(packages, "_NPM", tmp_path)
    found = errors_of({"endpoint": "mars"})
    assert ["apiKey" in found[0], "secretKey" in found[1], "endpoint" in found[2]] == [True] * 3
    assert "liquid.node.js" in found[3]
    assert "ua-parser.min.js" in found[4]


def test_check_tells_all_at_once(tmp_path: Path) -> None:
    good = '{"name": "a", "subscribe": "type = track and event = \'x\'", "partnerAction": "mapUser"}'
    bad = '{"name": "b", "subscribe": "type", "partnerAction": "nothing", "mapping": {"a": {"@b": 1}}}'
    (tmp_path / "subscriptions.json").write_text(f"[{good}, {bad}]")
    config = tmp_path / "forwarder.toml"
    config.write_text(
        '[[destinations]]\nname = "d"\nsubscriptions_file = "subscriptions.json"\n'
        'base_url = "http://127.0.0.1:1"\nsettings = { apiKey = "key" }\n'
    )
    done = CliRunner().invoke(cli, ["check", "--config", str(config)])
    assert done.exit_code == 1
    lines = done.output.splitlines()[1:]
    start = "  destinations.d: subscriptions[1] 'b': "
    assert [line.startswith(start) for line in lines] == [True, True, True]
    (tmp_path / "subscriptions.json").write_text(f"[{good}]")
    done = CliRunner().invoke(cli, ["check", "--config", str(config)])
    assert done.exit_code == 0
    assert "warning: destinations.d: subscriptions[0] 'a': subscribe: 'x'" in done.stderr
