"""The session plugin's settings: one table, three names for each, a default for whatever is unusable."""

import math
from dataclasses import fields

import pytest

from browser_plugin import SessionSettings
from browser_plugin.settings import TABLE, read_settings, settings_doubts
from tests.support.processes import ROOT

PAGE = ROOT / "browser_plugin" / "page"


def test_the_table_and_the_class_say_the_same() -> None:
    assert {setting.name: setting.default for setting in TABLE} == {
        field.name: field.default for field in fields(SessionSettings)
    }


def test_pages_types_name_every_setting() -> None:
    types = (PAGE / "session-plugin.d.ts").read_text()
    assert all(f"  {setting.page}?: " in types for setting in TABLE)
    assert all(f'"{word}"' in types for setting in TABLE for word in setting.choices)


@pytest.mark.parametrize(
    ("raw", "settings"),
    [
        ({}, SessionSettings()),
        ({"session_length": 5}, SessionSettings(session_length=5)),
        (
            {"sessionLength": "60000", "sessionEvents": 1},
            SessionSettings(session_length=60_000, session_events=True),
        ),
        (
            {"triggerSessionEvents": True, "sessionStartEvent": "S", "sessionEndEvent": "E"},
            SessionSettings(session_events=True, started_name="S", ended_name="E"),
        ),
        ({"eventTypes": "track, screen"}, SessionSettings(event_types=("track", "screen"))),
        (
            {"eventTypes": ["page"], "maximumLength": 9},
            SessionSettings(event_types=("page",), maximum_length=9),
        ),
        (
            {"storage": "cookie", "startPython": "off", "runtime": "pyodide"},
            SessionSettings(storage="cookie", start_python="off", runtime="pyodide"),
        ),
    ],
)
def test_settings_go_by_any_of_their_names(raw: dict[str, object], settings: SessionSettings) -> None:
    assert read_settings(raw) == (settings, [])


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("sessionLength", "30 min"),
        ("sessionLength", "1_000"),
        ("sessionLength", "\u0661"),
        ("sessionLength", [1, 2]),
        ("sessionLength", [True]),
        ("sessionLength", {}),
        ("sessionLength", 1e15),
        ("maximumLength", math.inf),
        ("startedName", ""),
        ("endedName", 5),
        ("eventTypes", "clicks"),
        ("eventTypes", []),
        ("storage", "sessionStorage"),
        ("startPython", True),
        ("runtime", None),
    ],
)
def test_what_is_unusable_is_told_once_and_the_default_holds(name: str, value: object) -> None:
    settings, problems = read_settings({name: value})
    assert settings == SessionSettings()
    [problem] = problems
    assert problem.startswith(f"{name} must ")
    assert problem.endswith("is used")


def test_what_is_no_setting_is_told_with_those_there_are() -> None:
    [problem] = read_settings({"sessionLenght": 5})[1]
    assert "sessionLenght is not a setting" in problem
    assert "sessionLength" in problem


@pytest.mark.parametrize("text", ["false", "off", "no", "0", "", "False", "OFF", " no ", 0, None, False])
def test_texts_switch_flags_off(text: object) -> None:
    for name in ("sessionEvents", "triggerSessionEvents", "newOnReset", "newOnUserChange"):
        assert read_settings({name: text}) == (SessionSettings(), [])


@pytest.mark.parametrize("text", ["true", "on", "yes", "1", "x", 1, True, {}])
def test_other_texts_switch_them_on(text: object) -> None:
    assert read_settings({"sessionEvents": text}) == (SessionSettings(session_events=True), [])


@pytest.mark.parametrize(
    ("given", "number"),
    [(None, 0), ("", 0), ([], 0), ([60_000], 60_000), (["7"], 7), (True, 1), (" 1e3 ", 1000), (1.5, 1.5)],
)
def test_lengths_are_taken_as_in_the_reference(given: object, number: float) -> None:
    assert SessionSettings(session_length=given).session_length == number  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("given", "flag"), [("false", True), ({}, True), ([], True), ("", False), (None, False)]
)
def test_flags_are_taken_as_in_the_reference(given: object, flag: bool) -> None:
    assert SessionSettings(session_events=given).session_events is flag  # type: ignore[arg-type]


def test_what_is_no_number_ends_no_session_as_in_the_reference() -> None:
    assert math.isnan(SessionSettings(session_length="abc").session_length)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["sessionLength", "session_length"])
@pytest.mark.parametrize(
    ("value", "part"),
    [
        (1800, "1.8 s"),
        ("1800", "1.8 s"),
        (30, "0.03 s"),
        (-1, "every event"),
        (0, "every event"),
        (59_999, "59.999 s"),
        (31_536_000_000, "365 days"),
    ],
)
def test_lengths_that_are_hardly_meant_are_doubted(name: str, value: object, part: str) -> None:
    [line] = settings_doubts({name: value})
    assert line.startswith(f"{name}: ")
    assert part in line


def test_usual_lengths_are_not_doubted() -> None:
    for value in (60_000, 900_000, "1800000", 86_400_000, 604_800_000):
        assert settings_doubts({"sessionLength": value, "maximumLength": value}) == []
    assert settings_doubts({"maximumLength": 0, "sessionEvents": 5, "none": 1, "sessionLength": "x"}) == []
    assert len(settings_doubts({"maximumLength": -1})) == 1
    assert len(settings_doubts({"maximumLength": 3600})) == 1


def test_fractions_of_a_millisecond_are_kept() -> None:
    assert read_settings({"sessionLength": 0.5}) == (SessionSettings(session_length=0.5), [])
    assert read_settings({"sessionLength": "2.0"}) == (SessionSettings(session_length=2), [])


@pytest.mark.parametrize("name", ["startedName", "started_name", "sessionStartEvent", "endedName", "base"])
def test_a_name_that_is_empty_is_told_and_the_default_holds(name: str) -> None:
    settings, (problem,) = read_settings({name: ""})
    assert settings == SessionSettings()
    assert "must be a text that is not empty" in problem


def test_a_setting_without_a_name_is_none() -> None:
    settings, (problem,) = read_settings({"": 5})
    assert settings == SessionSettings()
    assert problem.startswith(" is not a setting; there are sessionLength, ")
