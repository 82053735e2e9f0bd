"""A freeze is kept under a name made of everything that went into it, and is not made twice."""

import hashlib
import importlib.util
import json
import shutil
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path

from browser_plugin.freeze.install import LOCK
from browser_plugin.freeze.keeping import keep
from browser_plugin.freeze.order import FULL, Depth, Order
from browser_plugin.freeze.pipeline import check_again, freeze
from browser_plugin.freeze.tools import HERE, FreezeError

PYODIDE_FILES = ("package.json", "pyodide.mjs", "pyodide.asm.mjs", "pyodide.asm.wasm", "python_stdlib.zip")


def inputs(order: Order) -> Iterable[Path]:
    """Yield every file whose contents decide about the frozen module."""
    yield order.wheel
    for name in PYODIDE_FILES:
        yield order.pyodide / name
    yield order.modules / "binaryen" / "package.json"
    yield LOCK
    yield from sorted(path for path in HERE.rglob("*") if path.suffix in (".py", ".mjs"))
    yield HERE.parent / "page" / "frozen.js"
    found = importlib.util.find_spec(order.workload)
    if found is None or found.origin is None:
        raise FreezeError(f"workload {order.workload} cannot be imported; name a module that can")
    yield Path(found.origin)


def key(order: Order) -> str:
    """Return the name of a freeze; raises FreezeError where a file is missing."""
    total = hashlib.sha256(f"{order.entry}\n{order.workload}\n{order.level}".encode())
    for path in inputs(order):
        if not path.is_file():
            raise FreezeError(f"{path} is missing; build the wheel, run npm ci")
        total.update(hashlib.sha256(path.read_bytes()).digest())
    return total.hexdigest()[:20]


def frozen_once(order: Order, cache: Path, say: Callable[[str], None], depth: Depth = FULL) -> Path:
    """Return the folder in ``cache`` with what ``freeze`` writes for this order; make what is not there.

    What was checked less than ``depth`` asks is checked again, and not made again.
    """
    order.check()
    folder = cache / key(order)
    if not folder.is_dir():
        cache.mkdir(parents=True, exist_ok=True)
        part = Path(tempfile.mkdtemp(dir=cache, prefix="part-"))
        try:
            freeze(order, cache, part, say, depth)
            keep(part, folder)
        finally:
            shutil.rmtree(part, ignore_errors=True)
    if json.loads((folder / "core.json").read_text())["checked"]["held_out"] < held_out(order, depth):
        check_again(order, folder, say, depth)
    return folder


def held_out(order: Order, depth: Depth) -> int:
    """Return how many calls are held out from the profile at a depth; a whole module has none."""
    return 0 if order.level == "whole" else depth.held_out


def publish(frozen: Path, out: Path) -> Path:
    """Copy what was frozen into ``out``, older ones away first; return the description's path there."""
    out.mkdir(parents=True, exist_ok=True)
    description = out / "core.json"
    if description.exists():
        old = json.loads(description.read_text())
        for path in (*out.glob(f"{old['wasm']}*"), out / old["wheel"]):
            path.unlink(missing_ok=True)
    for path in frozen.iterdir():
        if path.is_file():
            shutil.copyfile(path, out / path.name)
    return description
