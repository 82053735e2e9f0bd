"""What was frozen is kept; what was asked too little is asked again, and not made again."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from browser_plugin.freeze import cache
from browser_plugin.freeze.cache import frozen_once, publish
from browser_plugin.freeze.order import FULL, QUICK, Depth, Level, Order


@pytest.fixture
def done(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, Depth]]:
    """What was done, with which depth; nothing is frozen, and only the description is written."""
    done: list[tuple[str, Depth]] = []

    def describe(folder: Path, depth: Depth, level: Level) -> None:
        held_out = 0 if level == "whole" else depth.held_out
        about = {"wasm": "core-1.wasm", "wheel": "a.whl", "checked": {"held_out": held_out}}
        (folder / "core.json").write_text(json.dumps(about))

    def freeze(order: Order, _: Path, out: Path, say: Callable[[str], None], depth: Depth) -> None:
        done.append(("freeze", depth))
        (out / "poisoned").mkdir()
        describe(out, depth, order.level)

    def check_again(order: Order, folder: Path, say: Callable[[str], None], depth: Depth) -> None:
        done.append(("check", depth))
        describe(folder, depth, order.level)

    monkeypatch.setattr(Order, "check", lambda _: None)
    monkeypatch.setattr(cache, "key", lambda order: f"key-{order.level}")
    monkeypatch.setattr(cache, "freeze", freeze)
    monkeypatch.setattr(cache, "check_again", check_again)
    return done


def order(level: Level = "tight") -> Order:
    return Order(Path("a.whl"), "a:b", "workload", Path("pyodide"), level)


def test_a_module_that_was_asked_little_is_asked_again_where_more_is_wanted(
    done: list[tuple[str, Depth]], tmp_path: Path
) -> None:
    for depth in (QUICK, QUICK, FULL, FULL, QUICK):
        folder = frozen_once(order(), tmp_path, print, depth)
    assert done == [("freeze", QUICK), ("check", FULL)]
    assert json.loads((folder / "core.json").read_text())["checked"]["held_out"] == FULL.held_out


def test_a_whole_module_has_nothing_to_ask_again(done: list[tuple[str, Depth]], tmp_path: Path) -> None:
    for depth in (QUICK, FULL):
        frozen_once(order("whole"), tmp_path, print, depth)
    assert done == [("freeze", QUICK)]


def test_what_only_checks_need_is_not_published(done: list[tuple[str, Depth]], tmp_path: Path) -> None:
    publish(frozen_once(order(), tmp_path / "cache", print, QUICK), tmp_path / "out")
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["core.json"]
