"""One freeze from beginning to end. Read this first: each step is a module of its own."""

import gzip
import hashlib
import json
import os
import tempfile
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import brotli  # type: ignore[import-untyped,unused-ignore]

from browser_plugin.freeze import memory
from browser_plugin.freeze.boot import boot
from browser_plugin.freeze.check import check
from browser_plugin.freeze.host import Host
from browser_plugin.freeze.install import installed
from browser_plugin.freeze.module import Module
from browser_plugin.freeze.order import PROFILED, Depth, Level, Order
from browser_plugin.freeze.profile import ran, read
from browser_plugin.freeze.rewrite import HOST_EXPORTS, only, thawless, with_memory
from browser_plugin.freeze.state import State
from browser_plugin.freeze.tools import wasm_opt

STEPS: dict[Level, int] = {"whole": 5, "lean": 7, "tight": 7}
"""How many times ``say`` hears of a freeze."""


POISONED = "poisoned"
"""The folder beside a frozen module with what its check needs again and nobody else: the poisoned module."""


def freeze(order: Order, cache: Path, out: Path, say: Callable[[str], None], depth: Depth) -> None:
    """Write the frozen module, compressed too, its description and the wheel it was made of into ``out``.

    ``say`` hears of each step; ``cache`` is where the wheels of Pyodide's tools are kept; ``depth`` says how
    much is checked. Raises FreezeError where a step or a check fails.
    """
    began = time.monotonic()
    order.check()
    texts, made_up = order.calls(depth.held_out)
    host = Host.ask(order.wheel, order.names, [*texts, *made_up])
    original = Module.read((order.pyodide / "pyodide.asm.wasm").read_bytes())
    with tempfile.TemporaryDirectory(prefix="freeze-") as name:
        folder = Path(name)
        say("compiling the wheel and installing it, by the interpreter's own tools")
        wheel = installed(order.wheel, order.pyodide, cache, folder)
        say("starting the interpreter, importing and warming the entry function, sealing")
        state = boot(original, order.pyodide, wheel, order.names, made_up, folder)
        if order.level == "whole":
            wasm, poisoned = with_memory(thawless(original, state, HOST_EXPORTS), state.memory).write(), None
        else:
            wasm, poisoned = left_out(order, original, state, [*texts, *made_up[:PROFILED]], folder, say)

        say("compressing")
        small, zipped = brotli.compress(wasm, quality=11, lgwin=24), gzip.compress(wasm, 9, mtime=0)
        if poisoned is not None:
            (out / POISONED).mkdir()
            (out / POISONED / "module.wasm").write_bytes(poisoned)
        checked = checks(wasm, poisoned, state.description(), (host, len(texts), depth), folder, say)
        (out / wheel.name).write_bytes(wheel.read_bytes())
    core = out / f"core-{hashlib.sha256(wasm).hexdigest()[:16]}.wasm"
    for ending, data in (("", wasm), (".br", small), (".gz", zipped)):
        core.with_name(core.name + ending).write_bytes(data)
    description = {
        "wasm": core.name,
        "wheel": wheel.name,
        **state.description(),
        "level": order.level,
        "pyodide": order.version(),
        "sizes": {"wasm": len(wasm), "br": len(small), "gz": len(zipped)},
        "checked": checked,
    }
    (out / "core.json").write_text(json.dumps(description, indent=2) + "\n")
    traps = f"{checked['trapped']} traps, none wrong in {checked['held_out']} calls that no profile saw"
    seconds = time.monotonic() - began
    say(f"done in {seconds:.0f} s: {len(wasm)} bytes, {len(small)} with brotli; {traps}")


def checks(
    wasm: bytes,
    poisoned: bytes | None,
    description: Mapping[str, object],
    asked: tuple[Host, int, Depth],
    folder: Path,
    say: Callable[[str], None],
) -> dict[str, int]:
    """Return what ``check`` counted; ``asked``: host, how many of its texts are the workload's own, depth."""
    host, own, depth = asked
    say(f"checking its answers, {depth.held_out} to calls that no profile saw, and odd inputs")
    seen = None if poisoned is None else own + PROFILED
    return check(wasm, poisoned, description, host, folder, depth.repeated, seen)


def check_again(order: Order, frozen: Path, say: Callable[[str], None], depth: Depth) -> None:
    """Check a module that ``freeze`` wrote, more deeply, and note it; raises FreezeError where it fails."""
    description = json.loads((frozen / "core.json").read_text())
    texts, made_up = order.calls(depth.held_out)
    host = Host.ask(order.wheel, order.names, [*texts, *made_up])
    wasm, path = (frozen / description["wasm"]).read_bytes(), frozen / POISONED / "module.wasm"
    poisoned = path.read_bytes() if path.exists() else None
    needed = {name: description[name] for name in ("entry", "buffer", "capacity")}
    with tempfile.TemporaryDirectory(prefix="freeze-") as name:
        checked = checks(wasm, poisoned, needed, (host, len(texts), depth), Path(name), say)
    part = frozen / f"core.json.{os.getpid()}"
    part.write_text(json.dumps({**description, "checked": checked}, indent=2) + "\n")
    part.replace(frozen / "core.json")


def left_out(
    order: Order, original: Module, state: State, texts: list[str], folder: Path, say: Callable[[str], None]
) -> tuple[bytes, bytes]:
    """Return the module without what no profiled run touched, and the same with poison in its place."""
    say("profiling which code runs")
    loading, running = ran(original, state, texts, folder)
    say(f"profiling which memory is read, optimising {len(running)} basic blocks that ran")
    path = folder / "code.wasm"
    path.write_bytes(only(thawless(original, state, HOST_EXPORTS), state, running).write())
    with ThreadPoolExecutor(1) as beside:  # two programs of a core each, neither of which needs the other
        smaller = beside.submit(
            wasm_opt, order.modules, path, path, "-Oz", "--strip-debug", "--strip-producers"
        )
        record = read(original, state, texts, loading | running, folder)
        smaller.result()
    code = Module.read(path.read_bytes())
    drop = memory.lean if order.level == "lean" else memory.tight
    plain, poisoned = drop(state, record), drop(state, record, memory.POISON)
    return with_memory(code, plain).write(), with_memory(code, poisoned).write()
