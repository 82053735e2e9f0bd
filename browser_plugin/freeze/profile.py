"""Watch a module at work: which code runs, which memory is read. profile.mjs runs it, under Node."""

import json
from collections.abc import Collection, Sequence
from pathlib import Path

from browser_plugin.freeze import margin
from browser_plugin.freeze.module import Module
from browser_plugin.freeze.rewrite import HOST_EXPORTS, counting, only, thawless, with_memory
from browser_plugin.freeze.state import State
from browser_plugin.freeze.tools import FreezeError, node
from browser_plugin.freeze.watch import SHADOW, watched

EXPORTS = (
    *(*HOST_EXPORTS, "malloc", "free", "PyErr_Print", "PyRun_SimpleString", "PyImport_AddModule"),
    *("PyObject_GetAttrString", "PyObject_CallNoArgs", "emscripten_builtin_realloc"),
    *("PyObject_Malloc", "PyObject_Realloc", "PyObject_Free"),
)
"""What profile.mjs calls."""


def ran(original: Module, state: State, texts: Sequence[str], folder: Path) -> tuple[set[int], set[int]]:
    """Return the basic blocks that ran while the margin was loaded, and those that ran otherwise.

    They are numbered as ``rewrite.counting`` does. Loading, which compiles Python, is not part of what a
    frozen module does; reading memory needs it again.
    """
    module, blocks = counting(thawless(original, state, EXPORTS), state.stack_low)
    # The marks lie at the far end of the C stack, which no profiled run comes near.
    if blocks > (state.heap - state.stack_low) // 2:
        raise FreezeError(f"{blocks} basic blocks are more than the C stack has room to count")
    path = folder / "counting.wasm"
    path.write_bytes(with_memory(module, state.memory).write())
    numbers = json.loads(run(path, state, texts, folder, blocks={"at": state.stack_low, "count": blocks}))
    return set(numbers["loading"]), set(numbers["running"])


def read(original: Module, state: State, texts: Sequence[str], kept: Collection[int], folder: Path) -> bytes:
    """Return which bytes of memory are read before they are written, one byte each.

    Runs the ``kept`` basic blocks only: watching every access of all others would take long to prepare.
    """
    module = watched(only(thawless(original, state, EXPORTS), state, kept))
    path = folder / "watched.wasm"
    path.write_bytes(with_memory(module, state.memory).write())
    return run(path, state, texts, folder, shadow=SHADOW)


def run(module: Path, state: State, texts: Sequence[str], folder: Path, **what: object) -> bytes:
    """Run profile.mjs on a module and return what it wrote down."""
    out = folder / "profile.out"
    order: dict[str, object] = {
        "module": str(module),
        "description": state.description(),
        "texts": list(texts),
        "margin": margin.source(),
        "out": str(out),
        **what,
    }
    node("profile.mjs", order, folder)
    return out.read_bytes()
