"""Plays a recorded session case through ``SessionPlugin``; runs in CPython and, as it is, in Pyodide."""

import json
from collections.abc import Iterator, MutableMapping
from typing import Any

from browser_plugin import SessionPlugin, SessionSettings
from browser_plugin.settings import TABLE

NAMES = {setting.segment: setting.name for setting in TABLE if setting.segment}


class Stores(MutableMapping[str, str]):
    """What analytics.storage does: writes to every store, reads the first that has a value."""

    def __init__(self, *stores: dict[str, str]) -> None:
        self.stores = stores

    def __getitem__(self, key: str) -> str:
        for store in self.stores:
            if key in store:
                return store[key]
        raise KeyError(key)

    def __setitem__(self, key: str, value: str) -> None:
        for store in self.stores:
            store[key] = value

    def __delitem__(self, key: str) -> None:
        for store in self.stores:
            store.pop(key, None)

    def __iter__(self) -> Iterator[str]:
        return iter({key: None for store in self.stores for key in store})

    def __len__(self) -> int:
        return len(list(iter(self)))


def settings_of(raw: dict[str, Any]) -> SessionSettings:
    """Return settings given under Segment's names."""
    return SessionSettings(**{NAMES[name]: value for name, value in raw.items()})


class Player:
    """One case as it goes on: the stores, and the plugin that uses them."""

    def __init__(self, case: dict[str, Any]) -> None:
        first = case["initial_storage"]
        self.local, self.cookie = dict(first["local"]), dict(first["cookie"])
        universal = case["storage_mode"] == "universal"
        self.storage = Stores(self.local, self.cookie, {}) if universal else Stores(self.local)
        self.plugin = SessionPlugin(settings_of({}), self.storage)

    def change(self, changes: list[dict[str, Any]]) -> None:
        """Do to the stores what others do between two events."""
        for change in changes:
            store = self.cookie if change["op"].endswith("cookie") else self.local
            if change["op"].startswith("clear"):
                store.clear()
            elif change["op"].startswith("remove"):
                store.pop(change["key"], None)
            else:
                store[change["key"]] = change["value"]

    def play(self, step: dict[str, Any], settings: SessionSettings | None) -> dict[str, Any]:
        """Return what the event of one step becomes; with no settings the plugin does not see it."""
        event, emitted = step["event"], []
        if settings is not None:
            self.plugin.settings = settings
            done = self.plugin.enrich(event, step["now"])
            event = done.event
            emitted = [[one.name, one.properties, one.timestamp, one.session_id] for one in done.emitted]
        return {
            "integrations": event.get("integrations"),
            "local": dict(self.local),
            "cookie": dict(self.cookie),
            "emitted": emitted,
        }


def replay(case: dict[str, Any]) -> list[dict[str, Any]]:
    """Return what each step of a case becomes."""
    player = Player(case)
    settings = settings_of(case["settings"])
    results = []
    for step in case["steps"]:
        player.change(step.get("before", []))
        results.append(player.play(step, settings))
    return results


def replay_all(text: str) -> str:
    """Play cases given as JSON; return their results as JSON."""
    return json.dumps([replay(case) for case in json.loads(text)])
