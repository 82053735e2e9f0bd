"""A destination's Browser Session Tracking mapping sets up pages where the configuration itself does not."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from forwarder.amplitude.session_mapping import session_mappings
from forwarder.cdn.session_settings import mapping_doubts, notes_of
from forwarder.cdn.settings_document import settings_document
from forwarder.cli import cli
from forwarder.config.settings import AmplitudeKeys, Destination, Settings, Source

QUARTER = {"sessionLength": 900_000, "triggerSessionEvents": True}
NAMES = {"sessionStartEvent": "session_started", "sessionEndEvent": "session_ended"}


def tracking(mapping: object, **more: object) -> dict[str, Any]:
    return {
        "name": "Browser Session Tracking",
        "enabled": True,
        "subscribe": 'type = "track"',
        "partnerAction": "sessionId",
        "mapping": mapping,
        **more,
    }


def configured(*destinations: Any, session: dict[str, object] | None = None, **sources: object) -> Settings:
    made = [
        Destination(
            name=f"d{number}",
            settings=AmplitudeKeys.model_validate({"apiKey": "k"}),
            subscriptions=(tracking(one),) if not isinstance(one, Destination) else one.subscriptions,
            sources=one.sources if isinstance(one, Destination) else None,
        )
        for number, one in enumerate(destinations)
    ]
    shops = [Source(name=name, write_key=name, session=own) for name, own in (sources or {"web": {}}).items()]  # type: ignore[arg-type]
    return Settings(destinations=tuple(made), session=session or {}, sources=tuple(shops))


def on_pages(settings: Settings, source: int = 0) -> Any:
    document = json.loads(settings_document(settings, settings.sources[source], "https://f.example"))
    return document["remotePlugins"][0]["settings"]


def test_pages_get_what_the_mapping_says() -> None:
    settings = configured({**QUARTER, **NAMES})
    assert on_pages(settings) == {
        "sessionLength": 900_000,
        "sessionEvents": True,
        "startedName": "session_started",
        "endedName": "session_ended",
    }
    assert mapping_doubts(settings) == []
    assert (
        notes_of(settings)[0]
        == "session.sessionLength: 900000, from destinations.d0: subscriptions[0] 'Browser Session Tracking'"
    )
    assert len(notes_of(settings)) == 4


@pytest.mark.parametrize(
    "subscription",
    [
        {
            "name": "Session",
            "actionSlug": "sessionId",
            "trigger": "type = 'x'",
            "settings": json.dumps({"sessionLength": "900000"}),
        },
        {"actionId": "a", "trigger": "t", "settings": {"sessionLength": {"@literal": 900_000}}},
    ],
)
def test_each_form_in_which_segment_hands_it_out_is_read(subscription: dict[str, object]) -> None:
    [found] = session_mappings([subscription])
    assert found.settings == {"sessionLength": 900_000}
    assert found.doubts == []


@pytest.mark.parametrize("name", ["sessionLength", "session_length"])
def test_the_configuration_counts_before_the_mapping_under_any_name(name: str) -> None:
    settings = configured(QUARTER, session={name: 600_000, "sessionEvents": False})
    assert on_pages(settings) == {"sessionLength": 600_000}
    assert notes_of(settings) == []
    place = "destinations.d0: subscriptions[0] 'Browser Session Tracking'"
    assert [doubt.partition("; ")[0] for doubt in mapping_doubts(settings)] == [
        f"{place}: sessionLength is 900000, but [session] says 600000, which counts",
        f"{place}: sessionEvents is True, but [session] says False, which counts",
    ]


def test_a_source_s_own_settings_count_before_all_others() -> None:
    settings = configured(
        QUARTER, session={"sessionLength": 600_000}, web={"session_length": 300_000}, app={}
    )
    assert on_pages(settings)["sessionLength"] == 300_000
    assert on_pages(settings, 1)["sessionLength"] == 600_000
    said = "\n".join(mapping_doubts(settings))
    assert "sources.web.session says 300000" in said
    assert "[session] says 600000" in said


def test_only_the_destinations_that_a_source_sends_to_speak_for_it() -> None:
    keys = AmplitudeKeys.model_validate({"apiKey": "k"})
    of_app = Destination(name="x", settings=keys, sources=("app",), subscriptions=(tracking(QUARTER),))
    settings = configured(of_app, {"sessionLength": 600_000}, web={}, app={})
    assert on_pages(settings) == {"sessionLength": 600_000}
    assert on_pages(settings, 1) == {"sessionLength": 900_000, "sessionEvents": True}
    [doubt] = mapping_doubts(settings)
    assert doubt.startswith("destinations.d1: ")
    assert "but destinations.d0" in doubt


def test_what_is_switched_off_or_says_nothing_changes_nothing() -> None:
    assert list(session_mappings(None)) == []
    assert list(session_mappings([tracking(QUARTER, enabled=False), tracking(None)])) == []
    [empty] = session_mappings([tracking({"sessionLength": None, "sessionStartEvent": ""})])
    assert (empty.settings, empty.doubts) == ({}, [])


def test_what_pages_cannot_use_is_a_doubt_and_the_rest_is_used() -> None:
    mapping = {
        "sessionLength": "half an hour",
        "sessionStartEvent": {"@path": "$.properties.name"},
        "sesionLength": 5,
        "triggerSessionEvents": "true",
        "__segment_internal_x": 1,
    }
    settings = configured(mapping)
    assert on_pages(settings) == {"sessionEvents": True}
    unusable, moving, misspelt = mapping_doubts(settings)
    assert "mapping.sessionLength: sessionLength must be a number of milliseconds" in unusable
    assert "mapping.sessionStartEvent: depends on the event" in moving
    assert "mapping.sesionLength: there is no such field" in misspelt


def test_check_tells_where_pages_get_their_settings_from(tmp_path: Path) -> None:
    (tmp_path / "subscriptions.json").write_text(json.dumps([tracking(QUARTER)]))
    config = tmp_path / "forwarder.toml"
    config.write_text(
        '[server]\nport = 0\n[[sources]]\nname = "web"\nwrite_key = "k"\n'
        '[[destinations]]\nname = "amplitude"\n'
        'subscriptions_file = "subscriptions.json"\n[destinations.settings]\napiKey = "k"\n'
    )
    done = CliRunner().invoke(cli, ["check", "--config", str(config)])
    assert done.exit_code == 0
    assert "session.sessionLength: 900000, from destinations.amplitude: subscriptions[0]" in done.output
