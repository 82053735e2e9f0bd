"""A freeze is kept under a name made of everything that went into it, and is not made twice."""

import hashlib
import importlib.util
import json
import shutil
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path

from browser_plugin.freeze.pipeline import Frozen, Order, freeze
from browser_plugin.freeze.tools import HERE, FreezeError

PYODIDE_FILES = ("package.json", "pyodide.asm.mjs", "pyodide.asm.wasm", "python_stdlib.zip")


def inputs(order: Order) -> Iterable[Path]:
    """Yield every file whose contents decide about the frozen module."""
    yield order.wheel
    for name in PYODIDE_FILES:
        yield order.pyodide / name
    yield order.pyodide.parent / "binaryen" / "package.json"
    yield from sorted(path for path in HERE.iterdir() if path.suffix in (".py", ".mjs"))
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


def frozen_once(order: Order, cache: Path, say: Callable[[str], None]) -> Frozen:
    """Return the frozen module from ``cache``, or make it and keep it there."""
    folder = cache / key(order)
    if not (folder / "core.json").exists():
        frozen = freeze(order, say)
        cache.mkdir(parents=True, exist_ok=True)
        part = Path(tempfile.mkdtemp(dir=cache, prefix="part-"))
        (part / "core.wasm").write_bytes(frozen.wasm)
        (part / "core.wasm.br").write_bytes(frozen.brotli)
        (part / "core.wasm.gz").write_bytes(frozen.gzip)
        (part / "core.json").write_text(json.dumps(frozen.description, indent=2) + "\n")
        try:
            part.rename(folder)
        except OSError:  # another process was faster, with the same bytes
            shutil.rmtree(part)
    wasm = folder / "core.wasm"
    return Frozen(
        wasm.read_bytes(),
        wasm.with_suffix(".wasm.br").read_bytes(),
        wasm.with_suffix(".wasm.gz").read_bytes(),
        json.loads((folder / "core.json").read_text()),
    )


def publish(frozen: Frozen, out: Path) -> Path:
    """Write the module under a name made of its contents, and its description; drop older ones.

    Returns the description's path, ``core.json``.
    """
    out.mkdir(parents=True, exist_ok=True)
    for old in out.glob("core-*.wasm*"):
        old.unlink()
    wasm = out / f"core-{hashlib.sha256(frozen.wasm).hexdigest()[:16]}.wasm"
    wasm.write_bytes(frozen.wasm)
    wasm.with_suffix(".wasm.br").write_bytes(frozen.brotli)
    wasm.with_suffix(".wasm.gz").write_bytes(frozen.gzip)
    path = out / "core.json"
    path.write_text(json.dumps({"wasm": wasm.name, **frozen.description}, indent=2) + "\n")
    return path
