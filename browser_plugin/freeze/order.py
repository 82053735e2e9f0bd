"""What is asked of a freeze, and whether it can be made at all: looked at before anything long begins."""

import importlib
import json
import re
import shutil
import subprocess
import zipfile
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Literal, NamedTuple

from browser_plugin.freeze.tools import FreezeError

Level = Literal["whole", "lean", "tight"]
PROFILED = 2_000
"""Made-up calls that a profiled run makes; each answer is compared with this Python's."""
ROOM, LONGEST = 16_380, 1 << 19
"""Bytes of UTF-8 that a text may be that goes in (boot.mjs), and one that comes out (page/frozen.js)."""
NODE = 20
PYODIDE = "314."
"""The Pyodide whose start-up, heap and library boot.mjs knows: versions that begin like this."""


class Depth(NamedTuple):
    """How much is asked of a frozen module before it may be used; its bytes do not depend on it."""

    held_out: int
    """Made-up calls that no profile saw; each answer is compared with this Python's."""
    repeated: int
    """Calls during which memory may not grow."""


FULL, QUICK = Depth(100_000, 200_000), Depth(2_000, 20_000)
"""For what is shipped; and for looking at it on this machine, where waiting costs more than a trap does."""


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

    @property
    def modules(self) -> Path:
        """The node_modules folder."""
        return self.pyodide.parent

    def version(self) -> str:
        """Return Pyodide's version; raises FreezeError where it is none that can be frozen."""
        about = self.pyodide / "package.json"
        if not (self.pyodide / "pyodide.asm.wasm").is_file() or not about.is_file():
            raise FreezeError(f"{self.pyodide} is not Pyodide's npm package; npm install pyodide")
        version = str(json.loads(about.read_text())["version"])
        if not version.startswith(PYODIDE):
            raise FreezeError(f"{self.pyodide} is Pyodide {version}; only {PYODIDE}x can be frozen")
        return version

    def check(self) -> None:
        """Raise FreezeError, in one line, for whatever would make the freeze fail at once."""
        if not re.fullmatch(r"[\w.]+:\w+", self.entry):
            raise FreezeError(f"entry {self.entry!r} is not of the form package.module:function")
        if not zipfile.is_zipfile(self.wheel):
            raise FreezeError(f"{self.wheel} is not a wheel, nor a package's folder")
        self.version()
        if not (self.modules / "binaryen" / "bin" / "wasm-opt").is_file():
            raise FreezeError(f"binaryen is not in {self.modules}; npm install binaryen, beside Pyodide")
        if not shutil.which("node"):
            raise FreezeError(f"Node.js is missing; install Node {NODE} or newer")
        said = subprocess.run(["node", "--version"], capture_output=True, text=True, check=False).stdout
        if int(said.strip().lstrip("v").partition(".")[0] or 0) < NODE:
            raise FreezeError(f"Node {said.strip()} is too old; install Node {NODE} or newer")

    def calls(self, held_out: int) -> tuple[list[str], list[str]]:
        """Return the workload's own texts, and its made-up ones: those profiled and those held out.

        Raises FreezeError where it has none.
        """
        count = PROFILED + held_out
        try:
            workload = importlib.import_module(self.workload)
            texts, made_up = workload.texts(), islice(workload.generated(count), count)
            return as_texts(texts), as_texts(made_up)
        except Exception as error:
            why = f"{type(error).__name__}: {error}"
            raise FreezeError(
                f"workload {self.workload} gives no texts() and generated(count): {why}"
            ) from error


def as_texts(texts: Iterable[object]) -> list[str]:
    """Return the texts in a list; raises TypeError or ValueError where one is none or too long."""
    listed = []
    for text in texts:
        if not isinstance(text, str):
            raise TypeError(f"{text!r:.40} is not a text")
        if len(text.encode("utf-8", "replace")) > ROOM:
            raise ValueError(f"{text!r:.40} is longer than {ROOM} bytes")
        listed.append(text)
    return listed
