"""Compile a wheel and install it with the tools of the interpreter that will run it; install.mjs does it.

A wheel that pyodide-build cannot compile, or that micropip cannot install, would not work in a page either.
"""

import hashlib
import subprocess
import sys
import tempfile
from pathlib import Path

from browser_plugin.freeze.keeping import keep
from browser_plugin.freeze.tools import HERE, FreezeError, node

LOCK = HERE / "requirements.lock"
PYTHON = "3.14"
"""Pyodide's own, for which the wheels of its tools are chosen."""


def tools(cache: Path) -> list[Path]:
    """Return the wheels of pyodide-build, micropip and what they need; pip fetches them once into ``cache``.

    Which ones, to the byte, is said by requirements.lock.
    """
    folder = cache / "tools" / hashlib.sha256(LOCK.read_bytes()).hexdigest()[:16]
    if not folder.is_dir():
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent) as part:
            only = ("--require-hashes", "--no-deps", "--only-binary=:all:", f"--python-version={PYTHON}")
            command = [
                sys.executable,
                "-m",
                "pip",
                "download",
                "-qq",
                *only,
                "-r",
                LOCK,
                "-d",
                f"{part}/done",
            ]
            done = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=False)
            if done.returncode:
                why = (done.stderr.strip() or done.stdout.strip()).splitlines()[-1:]
                raise FreezeError(f"pip could not fetch what {LOCK.name} lists: {''.join(why)}")
            keep(Path(part, "done"), folder)
    return sorted(folder.glob("*.whl"))


def installed(wheel: Path, pyodide: Path, cache: Path, folder: Path) -> Path:
    """Return the compiled wheel, made in ``folder``, once micropip has installed it in Pyodide.

    Raises FreezeError where it cannot be compiled or installed. ``pyodide`` is Pyodide's npm package.
    """
    out = folder / "compiled"
    out.mkdir()
    order: dict[str, object] = {
        "pyodide": str(pyodide.resolve()),
        "tools": [str(path) for path in tools(cache)],
        "wheel": str(wheel.resolve()),
        "inside": (HERE / "inside.py").read_text(),
        "out": str(out),
    }
    try:
        node("install.mjs", order, folder)
    except FreezeError as error:
        raise FreezeError(f"{wheel.name} cannot be installed in Pyodide: {error}") from error
    return next(out.iterdir())
