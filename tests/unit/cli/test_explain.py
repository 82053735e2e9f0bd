"""``forwarder plan --explain``: which subscriptions match and why not, fields, warnings, request."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from forwarder.amplitude import AmplitudeDestination
from forwarder.cli import cli
from forwarder.cli.explanations import explained
from forwarder.triggers import trace_trigger

EVENT = {"type": "track", "event": "Order", "userId": "u1", "properties": {"price": 5, "list": []}}


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ('type = "track"', ['0 yes type = "track" is "track"']),
        (
            'event = "x" or (properties.price >= 6 and userId != null)',
            [
                "0 no any of",
                '1 no event = "x" is "Order"',
                "1 no all of",
                "2 no properties.price >= 6 is 5",
                '2 yes userId != null is "u1"',
            ],
        ),
        ('!contains(event, "rd")', ['0 no !contains(event, "rd") is "Order"']),
        ('match(event, "O*")', ['0 yes match(event, "O*") is "Order"']),
        ("properties.none = true", ["0 no properties.none = true is missing"]),
        ("properties.list = 5", ["0 no properties.list = 5 is a list"]),
        ('type = "track" and ()', ["0 no all of", '1 yes type = "track" is "track"', "1 no all of"]),
    ],
)
def test_every_condition_has_its_answer(text: str, lines: list[str]) -> None:
    shown = [
        f"{answer.depth} {'yes' if answer.holds else 'no'} {answer.text}"
        + (f" is {answer.actual}" if answer.actual else "")
        for answer in trace_trigger(text, EVENT)
    ]
    assert shown == lines


def test_one_event() -> None:
    settings = {"apiKey": "the-key", "secretKey": "the-secret"}
    text = "\n".join(explained(EVENT, {"amplitude": AmplitudeDestination(settings)}))
    for part in (
        "Track Calls (logEventV2): matches",
        'event_type             "Order"',
        "warning: user_id has 2 characters and is dropped",
        "POST https://api2.amplitude.com/2/httpapi",
        "Page Calls (logEventV2): does not match",
        'no  type = "page"   it is "track"',
        "Browser Session Tracking (sessionId): not for the forwarder",
    ):
        assert part in text
    assert "the-key" not in text
    assert "the-secret" not in text


def test_unusable_parts_are_told() -> None:
    settings = {"apiKey": "k", "secretKey": "s"}
    subscriptions: list[dict[str, object]] = [
        {"name": "a", "subscribe": "type", "partnerAction": "mapUser"},
        {"name": "b", "subscribe": 'type = "track"', "partnerAction": "logEvent", "mapping": {}},
    ]
    text = "\n".join(explained(EVENT, {"d": AmplitudeDestination(settings, subscriptions)}))
    assert "trigger: a value is missing after 'type'" in text
    assert "nothing is sent: $ needs event_type" in text


def test_on_the_command_line(tmp_path: Path) -> None:
    config = tmp_path / "forwarder.toml"
    config.write_text('[[destinations]]\nname = "d"\nsettings = { apiKey = "the-key" }\n')
    event = '{"type": "group", "groupId": "g", "userId": "u", "messageId": "m-1"}\n'
    done = CliRunner().invoke(cli, ["plan", "--config", str(config), "--explain"], input=event)
    assert done.exit_code == 0
    assert done.output.startswith('"group" "m-1"\n  d\n')
    assert done.output.count("does not match") == 5
