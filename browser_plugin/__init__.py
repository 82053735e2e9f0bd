"""The session plugin: what runs in the page, and what builds it.

The core (``wheel.MODULES``) imports the standard library only and touches no clock, network or file, so that
the same source runs in CPython, in Pyodide and, compiled, as JavaScript.
"""

TYPE_CHECKING = False

if TYPE_CHECKING:
    from browser_plugin.plugin import Emitted, Enriched, SessionPlugin
    from browser_plugin.settings import SessionSettings

__all__ = ["Emitted", "Enriched", "SessionPlugin", "SessionSettings"]

_HOMES = {
    "Emitted": "plugin",
    "Enriched": "plugin",
    "SessionPlugin": "plugin",
    "SessionSettings": "settings",
}


def __getattr__(name: str) -> object:
    """Import a public name when it is first asked for.

    The frozen module imports ``browser_plugin.entry`` only; nothing that it does not need may come along.
    """
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
