"""What Segment gave out becomes a configuration, or is told why not."""

import json
from pathlib import Path
from typing import cast

import pytest
from click.testing import CliRunner

from forwarder.amplitude import AmplitudeDestination
from forwarder.amplitude.actions.presets import presets
from forwarder.cli import cli
from forwarder.config.load import load_settings

TERRAFORM = r"""
variable "key" { type = string }
resource "segment_destination_subscription" "id_abc" {
  action_id      = "b4kgzxS"
  destination_id = "6wx"
  enabled        = true
  model_id       = null
  name           = "Everything"
  settings = jsonencode({
    "event_type" : { "@path" : "$.event" },
    user_id = { "@path" = "$.userId" }
    "session_id": -1
    event_properties = { flag = true, list = ["a", { b = 1.5 }], nothing = null }
    "app_version" = "a \"quoted\" $${x}\nnext"
  })
  trigger = "type = \"track\""
}
resource "segment_destination_subscription" "old" {
  name     = "Old pages"
  enabled  = false
  settings = "{\"event_type\":{\"@path\":\"$.event\"}}"
  trigger  = "type = \"page\""
}
resource "segment_destination" "other" { name = "Amplitude" }
"""


KEYS = {"apiKey": "k", "secretKey": "s"}


def api(*subscriptions: dict[str, object], **pagination: object) -> str:
    return json.dumps(
        {"data": {"pagination": {"current": "MA==", **pagination}, "subscriptions": subscriptions}}
    )


def preset(name: str, /, **changed: object) -> dict[str, object]:
    """A preset in the form of Segment's Public API."""
    one = next(each for each in presets() if each["name"] == name)
    return {
        "id": f"id-{name}",
        "name": name,
        "actionId": "x",
        "actionSlug": one["partnerAction"],
        "destinationId": "d",
        "modelId": None,
        "enabled": True,
        "trigger": one["subscribe"],
        "settings": one["mapping"],
        **changed,
    }


def run(tmp_path: Path, *words: str, **files: str) -> tuple[int, str, Path]:
    """Import files; return the exit code, all that was said and the folder written to."""
    for name, text in files.items():
        (tmp_path / name.replace("_", ".")).write_text(text)
    out = tmp_path / "out"
    names = [str(tmp_path / name.replace("_", ".")) for name in files if name != "catalog_json"]
    done = CliRunner().invoke(cli, ["import", *names, "--out", str(out), *words])
    return done.exit_code, done.output, out


def test_answers_of_the_public_api_become_a_configuration(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AMPLITUDE_API_KEY", "0" * 32)
    session = preset(
        "Browser Session Tracking", settings={"sessionLength": 900_000, "triggerSessionEvents": "true"}
    )
    changed = preset("Page Calls", settings={**_mapping("Page Calls"), "app_version": "1"}, enabled=True)
    code, said, out = run(
        tmp_path,
        one_json=api(preset("Track Calls"), preset("Order Completed Calls", enabled=False), next="MQ=="),
        two_json=api(changed, session),
    )
    assert code == 1
    assert "one.json: says that more pages follow" in said
    code, said, out = run(
        tmp_path,
        one_json=api(preset("Track Calls"), preset("Order Completed Calls", enabled=False)),
        two_json=api(changed, session),
    )
    assert code == 0, said
    assert "Track Calls: as the preset Track Calls" in said
    assert "Order Completed Calls: not run, it is switched off (enabled)" in said
    assert "Page Calls: differs from the preset Page Calls in app_version" in said
    assert "Order Completed match no mapping" in said
    settings = load_settings(out / "forwarder.toml")
    assert settings.session == {"sessionLength": 900_000, "sessionEvents": True}
    (destination,) = settings.destinations
    assert destination.subscriptions is not None
    planned = AmplitudeDestination(KEYS, destination.subscriptions).plan(
        {"type": "page", "name": "Home", "userId": "user-1", "messageId": "m", "properties": {}}
    )
    assert [one.subscription for one in planned] == ["Page Calls"]


def _mapping(name: str) -> dict[str, object]:
    mapping = next(each for each in presets() if each["name"] == name)["mapping"]
    assert isinstance(mapping, dict)
    return mapping


@pytest.mark.no_cover  # nearly all of it is the parser's, eight times as long where each line is counted
def test_terraform_is_read_by_value(tmp_path: Path) -> None:
    code, said, out = run(tmp_path, main_tf=TERRAFORM)
    assert code == 0, said
    first, second = json.loads((out / "subscriptions.json").read_text())
    assert first["partnerAction"] == "logEventV2"
    assert "the action was told from its fields: logEventV2" in said
    assert first["subscribe"] == 'type = "track"'
    assert first["mapping"] == {
        "event_type": {"@path": "$.event"},
        "user_id": {"@path": "$.userId"},
        "session_id": -1,
        "event_properties": {"flag": True, "list": ["a", {"b": 1.5}], "nothing": None},
        "app_version": 'a "quoted" ${x}\nnext',
    }
    assert (second["enabled"], second["mapping"]) == (False, {"event_type": {"@path": "$.event"}})


@pytest.mark.parametrize(
    ("attribute", "told"),
    [
        ("trigger = var.trigger", "trigger: ${var.trigger} is an expression"),
        ('trigger = "type = ${local.kind}"', "trigger: ${local.kind} is an expression"),
        ("settings = jsonencode({ a = var.x })", "settings.a: ${var.x} is an expression"),
        ('settings = file("mapping.json")', "settings: ${file("),
    ],
)
def test_what_only_terraform_knows_is_refused(tmp_path: Path, attribute: str, told: str) -> None:
    text = f'resource "segment_destination_subscription" "a" {{\n name = "n"\n {attribute}\n}}\n'
    code, said, out = run(tmp_path, main_tf=text)
    assert code == 1
    assert told in said
    assert not out.exists()


def test_actions_are_named_by_the_catalogue(tmp_path: Path) -> None:
    catalogue = {
        "data": {"destinationMetadata": {"actions": [{"id": "act", "slug": "identifyUser", "name": "I"}]}}
    }
    (tmp_path / "catalog.json").write_text(json.dumps(catalogue))
    one = preset("Identify Calls", actionSlug=None, actionId="act")
    code, said, out = run(tmp_path, "--actions", str(tmp_path / "catalog.json"), one_json=api(one))
    assert code == 0, said
    assert json.loads((out / "subscriptions.json").read_text())[0]["partnerAction"] == "identifyUser"
    assert "told from its fields" not in said


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"modelId": "m"}, "Reverse ETL"),
        ({"actionSlug": "trackPurchase"}, "trackPurchase is no action of Amplitude (Actions)"),
        ({"actionSlug": None, "settings": {"strange": 1}}, "cannot be told; give --actions catalog.json"),
    ],
)
def test_what_does_not_belong_here_is_left_out_with_its_reason(
    tmp_path: Path, changed: dict[str, object], told: str
) -> None:
    code, said, out = run(tmp_path, one_json=api(preset("Track Calls"), preset("Page Calls", **changed)))
    assert code == 0, said
    assert told in said
    assert len(json.loads((out / "subscriptions.json").read_text())) == 1


def test_one_destination_is_taken(tmp_path: Path) -> None:
    files = {"one_json": api(preset("Track Calls"), preset("Page Calls", destinationId="e"))}
    code, said, _ = run(tmp_path, **files)
    assert code == 1
    assert "2 destinations (d, e); name one with --destination" in said
    code, said, out = run(tmp_path, "--destination", "e", **files)
    assert code == 0, said
    assert [one["name"] for one in json.loads((out / "subscriptions.json").read_text())] == ["Page Calls"]


def test_odd_mappings_are_warned_of(tmp_path: Path) -> None:
    odd = preset(
        "Track Calls",
        name="Second",
        actionSlug="logEventV2",
        trigger='type = "track"',
        settings={"event_type": "properties.name", "gone": 1},
    )
    code, said, _ = run(tmp_path, one_json=api(preset("Track Calls"), odd))
    assert code == 0, said
    assert "event_type: 'properties.name' is sent as this text" in said
    assert "track calls are logged 2 times: by Track Calls, Second" in said
    assert "gone" in said


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("a_json", '{"a": 1}', "holds no mappings"),
        ("a_json", "nonsense", "is neither JSON"),
        ("a_tf", "resource {{{", "is no Terraform file"),
        ("a_tf", "locals { a = 1 }", "no mapping of Amplitude (Actions) was found"),
    ],
)
def test_unknown_forms_are_refused_in_one_line(tmp_path: Path, name: str, text: str, told: str) -> None:
    code, said, out = run(tmp_path, **{name: text})
    assert code == 1
    assert told in said
    assert "Traceback" not in said
    assert not out.exists()


def test_nothing_is_written_over(tmp_path: Path) -> None:
    files = {"one_json": api(preset("Track Calls"))}
    assert run(tmp_path, **files)[0] == 0
    code, said, _ = run(tmp_path, **files)
    assert code == 1
    assert "is there already; --force writes over it" in said
    assert run(tmp_path, "--force", **files)[0] == 0


def test_init_writes_what_check_takes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AMPLITUDE_API_KEY", "0" * 32)
    out = tmp_path / "forwarder.toml"
    assert CliRunner().invoke(cli, ["init", "--out", str(out)]).exit_code == 0
    assert load_settings(out).sources[0].write_key == "demo"
    again = CliRunner().invoke(cli, ["init", "--out", str(out)])
    assert again.exit_code == 1
    assert "is there already" in again.output


def test_presets_are_printed() -> None:
    done = CliRunner().invoke(cli, ["presets"])
    assert json.loads(done.output) == presets()
    assert (
        json.loads(CliRunner().invoke(cli, ["presets", "Track Calls"]).output)["partnerAction"]
        == "logEventV2"
    )
    assert "there is no preset" in CliRunner().invoke(cli, ["presets", "Trak"]).output


def test_a_subscription_may_say_only_what_differs_from_a_preset() -> None:
    given = {"preset": "Track Calls", "mapping": {"app_version": "1.2", "language": None}}
    event = {
        "type": "track",
        "event": "E",
        "userId": "user-1",
        "messageId": "m",
        "context": {"locale": "de", "app": {"version": "9"}},
    }
    (planned,) = AmplitudeDestination(KEYS, [given]).plan(event)
    assert planned.subscription == "Track Calls"
    body = planned.calls[0].json
    assert isinstance(body, dict)
    (sent,) = cast(list[dict[str, object]], body["events"])
    assert (sent["event_type"], sent["app_version"], "language" in sent) == ("E", "1.2", False)
    off = AmplitudeDestination(KEYS, [{"preset": "Track Calls", "enabled": False}])
    assert off.plan(event) == []
