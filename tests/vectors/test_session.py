"""``SessionPlugin`` decides as Segment's reference plugin was recorded to, but for the listed differences."""

from typing import Any

from browser_plugin import SessionSettings
from browser_plugin.plugin import ID_KEY, LAST_KEY
from browser_plugin.session import whole_ms
from forwarder.mapping import compile_mapping
from forwarder.triggers import compile_trigger
from tests.vectors.replay import Player, settings_of
from tests.vectors.stored import cases, check_each, in_parts, known_differences

RECORDED = cases("session")
DIFFERENT = known_differences("session")


def expected_names(tracked: list[Any], settings: dict[str, Any], had_session: bool) -> list[object]:
    """Return the recorded events under our names, without an end where no session was stored."""
    recorded = [name for name, _ in tracked]
    if len(recorded) == 2 and not had_session:
        recorded = recorded[1:]
    ours = {
        "session_started": settings.get("sessionStartEvent", "Session Started"),
        "session_ended": settings.get("sessionEndEvent", "Session Ended"),
    }
    return [ours.get(name, name) if isinstance(name, str) else name for name in recorded]


def expected_integrations(given: Any, recorded: Any) -> Any:
    """Return the recorded integrations, but a plain false stays, and other options of the destination do."""
    options = given.get("Actions Amplitude") if isinstance(given, dict) else None
    if options is False:
        return given
    if isinstance(options, dict):
        return {**recorded, "Actions Amplitude": {**options, **(recorded.get("Actions Amplitude") or {})}}
    return recorded


def settings_for(
    case: dict[str, Any], event: dict[str, Any]
) -> tuple[dict[str, Any], SessionSettings | None]:
    """Return a case's settings for one event, which may fill them; None where the trigger leaves it out.

    Segment's destination framework does this for its plugin; here a page has one setting for all events.
    """
    raw = case["settings"]
    if case["kind"] == "mapped-settings":
        raw = compile_mapping(raw)(event)
    subscribed = compile_trigger(case["subscribe"])(event) if "subscribe" in case else True
    return raw, settings_of(raw) if subscribed else None


@in_parts(RECORDED)
def test_recorded(part: list[dict[str, Any]]) -> None:
    check_each(part, check_recorded)


def check_recorded(case: dict[str, Any]) -> None:
    player = Player(case)
    ahead = False
    for step, expected in zip(case["steps"], case["expected"], strict=True):
        player.change(step.get("before", []))
        raw, settings = settings_for(case, step["event"])
        stored = {key: player.storage.get(key) for key in (ID_KEY, LAST_KEY)}
        before = whole_ms(stored[ID_KEY])
        usable = all(text is None or whole_ms(text) is not None for text in stored.values())
        done = player.play(step, settings)
        kept = {ID_KEY: player.storage.get(ID_KEY), LAST_KEY: player.storage.get(LAST_KEY)}
        if settings and step["event"]["type"] in settings.event_types:
            # After garbage, which counts as absent here, ours is a session ahead until the next one begins.
            ahead = not usable or (ahead and expected["session_id"] != step["now"])
            if not usable:
                assert kept == {ID_KEY: str(step["now"]), LAST_KEY: str(step["now"])}
        if ahead:
            if usable:
                assert kept[ID_KEY] == stored[ID_KEY]
                assert done["emitted"] == []
            continue
        integrations = step["event"].get("integrations")
        assert done["integrations"] == expected_integrations(integrations, expected["integrations_after"])
        assert done["local"] == expected["storage_after"]["local"]
        if case["storage_mode"] == "universal":
            assert done["cookie"] == expected["storage_after"]["cookie"]
        if case["id"] not in DIFFERENT:
            wanted = expected_names(expected["tracked"], raw, before is not None)
            assert [name for name, *_ in done["emitted"]] == wanted
