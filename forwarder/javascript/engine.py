"""One JavaScript engine (QuickJS) with one package in it; what goes in and out is JSON."""

import json
from collections.abc import Callable, Mapping
from threading import Lock

import quickjs  # type: ignore[import-untyped]

from forwarder.javascript.packages import Package

_AROUND = """
var module = {exports: {}}, exports = module.exports, modules = {};
var require = (name) => (modules[name] ??= {});
var globalCall = (name, given) => JSON.stringify(globalThis[name](...JSON.parse(given)));
"""
"""What a CommonJS package expects around it. Node's own modules are empty until the glue fills them."""


class EngineError(Exception):
    """JavaScript threw; the text is its message."""


class Engine:
    """A package and the functions that call it; safe to use from several threads.

    The engine is bound neither in memory (when it is out of it, it crashes) nor in time (then it could not
    call Python): package or glue have to bound what a call may take.
    """

    def __init__(
        self, package: Package, glue: str, callbacks: Mapping[str, Callable[..., object]] | None = None
    ) -> None:
        """Load the package, then ``glue``, which defines the global functions that ``call`` calls.

        ``callbacks``: Python functions by the names under which JavaScript calls them. Raises ConfigError.
        """
        self._lock = Lock()
        context = quickjs.Context()
        asked = dict(callbacks or {})
        context.add_callable("askPython", lambda name, given: json.dumps(asked[name](*json.loads(given))))
        context.eval(_AROUND)
        for name in asked:
            said = json.dumps(name)
            context.eval(f"var {name} = (...given) => JSON.parse(askPython({said}, JSON.stringify(given)));")
        context.eval(package.path.read_text(encoding="utf-8"))
        context.eval(glue)
        self._call = context.get("globalCall")

    def call(self, name: str, given: str) -> object:
        """Call one of the glue's functions; ``given``: its arguments, as a JSON list.

        Raises EngineError where it throws.
        """
        with self._lock:
            try:
                said = self._call(name, given)
            except quickjs.JSException as error:
                raise EngineError(str(error).partition("\n")[0]) from None
        return json.loads(said)
