"""The plugin's wheel that is frozen: the built one, so that what is tested is what is shipped."""

from pathlib import Path

from browser_plugin.freeze.pipeline import Level, Order
from browser_plugin.freeze.wheel import as_wheel

ROOT = Path(__file__).parents[2]
PLUGIN = ROOT / "browser_plugin"
CACHE = ROOT / "build" / "freeze"


def plugin_wheel() -> Path:
    """Return the wheel in dist/page, or one made of the sources where nothing was built."""
    built = sorted((ROOT / "dist" / "page").glob("browser_plugin-*-py3-none-any.whl"))
    return built[-1] if built else as_wheel(PLUGIN, CACHE)


def order(level: Level) -> Order:
    """Return the order to freeze the plugin as it is shipped, at one level."""
    return Order(
        plugin_wheel(),
        "browser_plugin.entry:handle",
        "browser_plugin.freeze.workload",
        PLUGIN / "node_modules" / "pyodide",
        level,
    )
