"""``SessionPlugin`` decides as Segment's reference plugin was recorded to, but for the listed differences."""

from collections.abc import Iterator, MutableMapping
from typing import Any

import pytest

from browser_plugin import SessionPlugin
from browser_plugin.plugin import ID_KEY, LAST_KEY
from browser_plugin.session import whole_ms
from browser_plugin.settings import read_settings
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
    """Return the recorded events under our names, without an end where no session was stored.

    A name that is not a text, or empty, is unusable here and counts as the default.
    """
    recorded = [name for name, _ in tracked]
    if len(recorded) == 2 and not had_session:
        recorded = recorded[1:]
    start, end = (settings.get(key) for key in ("sessionStartEvent", "sessionEndEvent"))
    ours = {"session_started": start or "Session Started", "session_ended": end or "Session Ended"}
    if not isinstance(start, str) or not isinstance(end, str):
        defaults = ["Session Started"] if len(recorded) == 1 else ["Session Ended", "Session Started"]
        if any(not isinstance(name, str) for name in recorded):
            return list(defaults)
    return [ours.get(name, name) for name in recorded]


@pytest.mark.parametrize("case", RECORDED, ids=names(RECORDED))
def test_recorded(case: dict[str, Any]) -> None:
    settings, _ = read_settings(case["settings"])
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
