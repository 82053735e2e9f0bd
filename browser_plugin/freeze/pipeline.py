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
from browser_plugin.freeze.check import CALLS, OUTSIDE, check
from browser_plugin.freeze.module import Kind, Module
from browser_plugin.freeze.rewrite import (
    HOST_EXPORTS,
    bootable,
    counting,
    only,
    thawless,
    with_memory,
)
from browser_plugin.freeze.state import State
from browser_plugin.freeze.tools import HERE, host_answers, node, wasm_opt

Level = Literal["whole", "lean", "tight"]
STEPS: dict[Level, int] = {"whole": 4, "lean": 7, "tight": 7}
"""How many times ``say`` hears of a freeze."""
PROFILED = 2_000
"""Made-up calls, beside the workload's own texts, that a profiled run makes."""
WARM = 500
"""Calls before the state is written down: the interpreter specialises what runs often."""
PROFILE_EXPORTS = (
    *HOST_EXPORTS,
    *(
        "malloc",
        "free",
        "PyRun_SimpleString",
        "PyImport_AddModule",
        "PyObject_GetAttrString",
        "PyObject_CallNoArgs",
    ),
    "PyErr_Print",
)
"""What profile.mjs calls besides."""


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


@dataclass(frozen=True, slots=True)
class Frozen:
    """A frozen module and what the page needs to know about it."""

    wasm: bytes
    brotli: bytes
    gzip: bytes
    description: dict[str, object]


def freeze(order: Order, say: Callable[[str], None]) -> Frozen:
    """Return the frozen module; ``say`` hears of each step. Raises FreezeError where one or a check fails."""
    with tempfile.TemporaryDirectory(prefix="freeze-") as folder:
        return _Freeze(order, Path(folder), say).run()


class _Freeze:
    """The steps of one freeze, in a folder of their own."""

    def __init__(self, order: Order, folder: Path, say: Callable[[str], None]) -> None:
        self.order, self.folder, self.say = order, folder, say
        self.module, _, self.function = order.entry.partition(":")
        work = importlib.import_module(order.workload)
        self.texts: list[str] = work.texts()
        self.made_up: list[str] = list(work.generated(CALLS))
        self.original = Module.read((order.pyodide / "pyodide.asm.wasm").read_bytes())
        self.imported = sum(one.kind is Kind.FUNCTION for one in self.original.imports())

    def run(self) -> Frozen:
        began = time.monotonic()
        state = self.boot()
        description: dict[str, object] = {
            "entry": state.entry,
            "buffer": state.buffer,
            "capacity": state.capacity,
        }
        ready = thawless(self.original, state, HOST_EXPORTS)
        if self.order.level == "whole":
            wasm, poisoned = with_memory(ready, state.memory).write(), None
        else:
            loading, running = self.called(state, description)
            read = self.read(state, description, loading | running)
            self.say(f"optimising {len(running)} of {len(self.original.bodies())} functions")
            code = self.optimised(only(ready, state, running))
            drop = memory.lean if self.order.level == "lean" else memory.tight
            wasm = with_memory(code, drop(state, read)).write()
            poisoned = with_memory(code, drop(state, read, memory.POISON)).write()
        self.say("compressing")
        small, zipped = brotli.compress(wasm, quality=11, lgwin=24), gzip.compress(wasm, 9, mtime=0)
        checked = self.check(wasm, poisoned, description)
        self.say(f"done in {time.monotonic() - began:.0f} s: {len(wasm)} bytes, {len(small)} with brotli")
        description |= {
            "level": self.order.level,
            "pyodide": json.loads((self.order.pyodide / "package.json").read_text())["version"],
            "sizes": {"wasm": len(wasm), "br": len(small), "gz": len(zipped)},
            "checked": checked,
        }
        return Frozen(wasm, small, zipped, description)

    def write(self, name: str, module: Module) -> Path:
        path = self.folder / name
        path.write_bytes(module.write())
        return path

    def boot(self) -> State:
        self.say("starting the interpreter, importing and warming the entry function, sealing")
        module, names = bootable(self.original)
        warm = [text for text in self.made_up if "\0" not in text][:WARM]
        given: dict[str, object] = {
            "pyodide": str(self.order.pyodide.resolve()),
            "module": str(self.write("bootable.wasm", module)),
            "wheel": str(self.order.wheel.resolve()),
            "seal": (HERE / "seal.py").read_text(),
            "entry": [self.module, self.function],
            "warm": warm,
            "globals": names,
            "out": str(self.folder),
        }
        node("boot.mjs", given, self.folder)
        return State.read(self.folder)

    def profile(self, module: Path, description: dict[str, object], out: Path, **more: object) -> bytes:
        given: dict[str, object] = {
            "module": str(module),
            "description": description,
            "texts": [*self.texts, *self.made_up[:PROFILED]],
            "margin": (HERE / "margin.py").read_text(),
            "out": str(out),
            **more,
        }
        node("profile.mjs", given, self.folder)
        return out.read_bytes()

    def called(self, state: State, description: dict[str, object]) -> tuple[set[int], set[int]]:
        """Return the functions called while the margin was loaded, and those called otherwise."""
        self.say("profiling which functions run")
        # The marks lie at the far end of the C stack, which no profiled run comes near.
        counted = counting(thawless(self.original, state, PROFILE_EXPORTS), state.stack_low)
        path = self.write("counting.wasm", with_memory(counted, state.memory))
        marks = {"at": state.stack_low, "count": len(self.original.bodies())}
        told = json.loads(self.profile(path, description, self.folder / "called.json", functions=marks))
        return {self.imported + n for n in told["loading"]}, {self.imported + n for n in told["running"]}

    def read(self, state: State, description: dict[str, object], kept: set[int]) -> bytes:
        """Return which bytes of memory were read before they were written, one byte each."""
        self.say("profiling which memory is read")
        path = self.write("kept.wasm", only(thawless(self.original, state, PROFILE_EXPORTS), state, kept))
        # Whole copies and fills become loops first: their reads would not be seen.
        target = self.folder / "watched.wasm"
        wasm_opt(
            self.order.pyodide.parent, path, target, "--llvm-memory-copy-fill-lowering", "--instrument-memory"
        )
        watched = with_memory(Module.read(target.read_bytes()), state.memory)
        return self.profile(
            self.write("watched.wasm", watched), description, self.folder / "read.bin", reads=True
        )

    def optimised(self, module: Module) -> Module:
        path = self.write("code.wasm", module)
        wasm_opt(self.order.pyodide.parent, path, path, "-Oz", "--strip-debug", "--strip-producers")
        return Module.read(path.read_bytes())

    def check(self, wasm: bytes, poisoned: bytes | None, description: dict[str, object]) -> dict[str, int]:
        self.say("checking against the host's Python; poison; a million calls; inputs outside the profile")
        texts = [*self.texts, *self.made_up]
        odd = [value for value in OUTSIDE if isinstance(value, str)]
        answers = host_answers(self.order.wheel, self.module, self.function, [*texts, *odd])
        outside = dict(zip(odd, answers[len(texts) :], strict=True))
        frozen, other = self.folder / "frozen.wasm", self.folder / "poisoned.wasm"
        frozen.write_bytes(wasm)
        if poisoned:
            other.write_bytes(poisoned)
        return check(
            frozen,
            other if poisoned else None,
            description,
            texts,
            answers[: len(texts)],
            outside,
            self.folder,
        )
