"""Start the interpreter at build time and write down its state; boot.mjs does it, under Node."""

from collections.abc import Sequence
from pathlib import Path

from browser_plugin.freeze.module import Module
from browser_plugin.freeze.order import ROOM
from browser_plugin.freeze.rewrite import bootable
from browser_plugin.freeze.state import State
from browser_plugin.freeze.tools import HERE, node

LENGTH = 4
"""Bytes in front of the room for texts, for the answer's length (page/frozen.js)."""
WARM = 500
"""Calls before the state is written down: the interpreter specialises what runs often."""


def boot(
    original: Module,
    pyodide: Path,
    wheel: Path,
    entry: tuple[str, str],
    texts: Sequence[str],
    folder: Path,
    room: int = ROOM,
) -> State:
    """Return the interpreter's state with the entry function imported, warmed with ``texts`` and sealed.

    ``original`` is the module in ``pyodide``, its npm package; ``entry`` a module's and a function's name;
    ``room``: bytes of UTF-8 that a text may have.
    """
    module, names = bootable(original)
    path = folder / "bootable.wasm"
    path.write_bytes(module.write())
    order: dict[str, object] = {
        "pyodide": str(pyodide.resolve()),
        "module": str(path),
        "wheel": str(wheel.resolve()),
        "seal": (HERE / "seal.py").read_text(),
        "entry": list(entry),
        "warm": [text for text in texts if "\0" not in text][:WARM],
        "globals": names,
        "capacity": room + LENGTH,
        "out": str(folder),
    }
    node("boot.mjs", order, folder)
    return State.read(folder)
