"""``SessionPlugin`` decides as Segment's reference plugin was recorded to, but for the listed differences."""

from collections.abc import Iterator, MutableMapping
from typing import Any

import pytest

from browser_plugin import SessionPlugin, SessionSettings
from browser_plugin.plugin import ID_KEY, LAST_KEY
from browser_plugin.session import whole_ms
from browser_plugin.settings import TABLE
from tests.vectors.stored import cases, names

UNUSABLE_LENGTHS: list[object] = ["abc", {}]
"""Not numbers: the reference never ends a session then; here the default holds (and the page warns)."""

RECORDED = [
    case
    for case in cases("session")
    # Triggers and mapped settings belong to Segment's destination framework; here a page has one setting.
    if case["kind"] not in ("subscribe", "mapped-settings")
    and case["settings"].get("sessionLength", 0) not in UNUSABLE_LENGTHS
]


class Universal(MutableMapping[str, str]):
    """What analytics.storage does: writes to every store, reads the first that has a value."""

    def __init__(self, stores: list[dict[str, str]]) -> None:
        self.stores = stores

    def __getitem__(self, key: str) -> str:
        return next(store[key] for store in self.stores if key in store)

    def get(self, key: str, default: Any = None) -> Any:
        return next((store[key] for store in self.stores if key in store), default)

    def __setitem__(self, key: str, value: str) -> None:
        for store in self.stores:
            store[key] = value

    def __delitem__(self, key: str) -> None:
        for store in self.stores:
            store.pop(key, None)

    def __iter__(self) -> Iterator[str]:
        return iter({key for store in self.stores for key in store})

    def __len__(self) -> int:
        return len(list(iter(self)))


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


@pytest.mark.parametrize("case", RECORDED, ids=names(RECORDED))
def test_recorded(case: dict[str, Any]) -> None:
    by_segment = {setting.segment: setting.name for setting in TABLE if setting.segment}
    settings = SessionSettings(**{by_segment[name]: value for name, value in case["settings"].items()})
    local, cookie = dict(case["initial_storage"]["local"]), dict(case["initial_storage"]["cookie"])
    memory: dict[str, str] = {}
    universal = case["storage_mode"] == "universal"
    plugin = SessionPlugin(settings, Universal([local, cookie, memory] if universal else [local]))
    for step, expected in zip(case["steps"], case["expected"], strict=True):
        for change in step.get("before", []):
            {"clear_local": local, "clear_cookie": cookie}[change["op"]].clear()
        stored = {key: plugin.storage.get(key) for key in (ID_KEY, LAST_KEY)}
        garbage = any(text is not None and whole_ms(text) is None for text in stored.values())
        done = plugin.enrich(step["event"], step["now"])
        if garbage:
            assert done.decision
            assert done.decision["session_id"] == step["now"]
            assert local == {ID_KEY: str(step["now"]), LAST_KEY: str(step["now"])}
            return
        integrations = step["event"].get("integrations")
        wanted = expected["integrations_after"]
        if isinstance(integrations, dict) and integrations.get("Actions Amplitude") is False:
            wanted = integrations
        elif isinstance(integrations, dict) and isinstance(integrations.get("Actions Amplitude"), dict):
            kept = {**integrations["Actions Amplitude"], **(wanted.get("Actions Amplitude") or {})}
            wanted = {**wanted, "Actions Amplitude": kept}
        assert done.event.get("integrations") == wanted
        assert local == expected["storage_after"]["local"]
        if universal:
            assert cookie == expected["storage_after"]["cookie"]
        had_session = whole_ms(stored[ID_KEY]) is not None
        assert [one.name for one in done.emitted] == expected_names(
            expected["tracked"], case["settings"], had_session
        )
