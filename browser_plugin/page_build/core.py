"""The frozen module of the session rules."""

import json
from pathlib import Path

from browser_plugin.freeze.cache import frozen_once, publish
from browser_plugin.freeze.order import Depth, Level, Order
from browser_plugin.freeze.pipeline import STEPS
from browser_plugin.page_build.places import CACHE, FREEZES, PYODIDE
from browser_plugin.page_build.progress import say
from browser_plugin.wheel import plugin_wheel


def order(level: Level) -> Order:
    """Return the order to freeze the plugin at one level."""
    wheel = plugin_wheel(CACHE / "wheel")
    return Order(wheel, "browser_plugin.entry:handle", "browser_plugin.freeze.workload", PYODIDE, level)


def freeze_core(what: Order, out: Path, depth: Depth) -> dict[str, object]:
    """Write the frozen module and the wheel it was made of into ``out``; return its description.

    ``depth``: how much is asked of it first.
    """
    done = 0

    def progress(step: str) -> None:
        nonlocal done
        done += 1
        say(f"freezing Python, {done} of {STEPS[what.level]}: {step}")

    path = publish(frozen_once(what, FREEZES, progress, depth), out)
    description: dict[str, object] = json.loads(path.read_text())
    return description
