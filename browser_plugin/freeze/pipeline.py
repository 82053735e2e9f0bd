"""One freeze from beginning to end. Read this first: each step is a module of its own."""

import gzip
import importlib
import json
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import brotli  # type: ignore[import-untyped,unused-ignore]

from browser_plugin.freeze import memory
from browser_plugin.freeze.boot import boot
from browser_plugin.freeze.check import CALLS, check
from browser_plugin.freeze.module import Module
from browser_plugin.freeze.profile import called, read
from browser_plugin.freeze.rewrite import HOST_EXPORTS, only, thawless, with_memory
from browser_plugin.freeze.state import State
from browser_plugin.freeze.tools import wasm_opt

Level = Literal["whole", "lean", "tight"]
STEPS: dict[Level, int] = {"whole": 4, "lean": 7, "tight": 7}
"""How many times ``say`` hears of a freeze."""
PROFILED = 2_000
"""Made-up calls, beside the workload's own texts, that a profiled run makes."""


@dataclass(frozen=True, slots=True)
class Order:
    """What to freeze, and how."""

    wheel: Path
    entry: str
    """``package.module:function``; the function takes a text and returns one."""
    workload: str
    """A module with ``texts()`` and ``generated(count)``."""
    pyodide: Path
    """Pyodide's npm package; binaryen's lies beside it."""
    level: Level

    @property
    def names(self) -> tuple[str, str]:
        """The entry's module and function."""
        module, _, function = self.entry.partition(":")
        return module, function


@dataclass(frozen=True, slots=True)
class Frozen:
    """A frozen module and what the page needs to know about it."""

    wasm: bytes
    brotli: bytes
    gzip: bytes
    description: dict[str, object]


def freeze(order: Order, say: Callable[[str], None]) -> Frozen:
    """Return the frozen module; ``say`` hears of each step. Raises FreezeError where one or a check fails."""
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="freeze-") as name:
        folder = Path(name)
        workload = importlib.import_module(order.workload)
        texts, made_up = workload.texts(), list(workload.generated(CALLS))
        original = Module.read((order.pyodide / "pyodide.asm.wasm").read_bytes())

        say("starting the interpreter, importing and warming the entry function, sealing")
        state = boot(original, order.pyodide, order.wheel, order.names, made_up, folder)
        if order.level == "whole":
            wasm, poisoned = with_memory(thawless(original, state, HOST_EXPORTS), state.memory).write(), None
        else:
            wasm, poisoned = left_out(order, original, state, [*texts, *made_up[:PROFILED]], folder, say)

        say("compressing")
        small, zipped = brotli.compress(wasm, quality=11, lgwin=24), gzip.compress(wasm, 9, mtime=0)
        say("checking against the host's Python; poison; a million calls; inputs outside the profile")
        checked = check(wasm, poisoned, state, order.wheel, order.names, [*texts, *made_up], folder)
    say(f"done in {time.monotonic() - began:.0f} s: {len(wasm)} bytes, {len(small)} with brotli")
    description = {
        **state.description(),
        "level": order.level,
        "pyodide": json.loads((order.pyodide / "package.json").read_text())["version"],
        "sizes": {"wasm": len(wasm), "br": len(small), "gz": len(zipped)},
        "checked": checked,
    }
    return Frozen(wasm, small, zipped, description)


def left_out(
    order: Order, original: Module, state: State, texts: list[str], folder: Path, say: Callable[[str], None]
) -> tuple[bytes, bytes]:
    """Return the module without what no profiled run touched, and the same with poison in its place."""
    say("profiling which functions run")
    loading, running = called(original, state, texts, folder)
    say("profiling which memory is read")
    record = read(original, state, texts, loading | running, order.pyodide.parent, folder)
    say(f"optimising {len(running)} of {len(original.bodies())} functions")
    path = folder / "code.wasm"
    path.write_bytes(only(thawless(original, state, HOST_EXPORTS), state, running).write())
    wasm_opt(order.pyodide.parent, path, path, "-Oz", "--strip-debug", "--strip-producers")
    code = Module.read(path.read_bytes())
    drop = memory.lean if order.level == "lean" else memory.tight
    plain, poisoned = drop(state, record), drop(state, record, memory.POISON)
    return with_memory(code, plain).write(), with_memory(code, poisoned).write()
