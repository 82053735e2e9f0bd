"""Python's packages in ``.venv`` and JavaScript's beside the plugin, each as its lock file says."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NoReturn

from browser_plugin.checkout.steps import LOGS, ROOT, Step, fail

VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
PLUGIN = ROOT / "browser_plugin"
NODE_MODULES = PLUGIN / "node_modules"
OLDEST_NODE = 20
NODE_MEND = (
    f"install Node {OLDEST_NODE} or newer with npm (apt-get install nodejs npm gives 20 on Debian 13;"
    " Debian 12's is 18, too old)"
)
BUILD_MODULE, FREEZE_STEPS = "browser_plugin.dist", 7
PLUGIN_NEEDS = ("brotli", "pscript")
"""Python packages without which the plugin cannot be built; it is built while the others arrive."""


def fingerprint(*paths: Path) -> str:
    """Return one hash of the files' contents and of this Python's version."""
    digest = hashlib.sha256(sys.version.encode())
    for path in paths:
        digest.update(path.read_bytes())
    return digest.hexdigest()


def unchanged(stamp: Path, value: str) -> bool:
    """Tell whether the stamp file holds ``value``."""
    return stamp.is_file() and stamp.read_text() == value


def check_machine() -> None:
    """End with one line where Node or a part of Python is missing or too old."""
    if VENV.is_symlink():
        fail(".venv is a link to another environment; remove it to have one made here")
    if not (PYTHON.exists() or importlib.util.find_spec("ensurepip")):
        fail("Python's venv module is missing; install it (apt-get install python3-venv) and run this again")
    if not (shutil.which("node") and shutil.which("npm")):
        fail(f"Node.js is missing; {NODE_MEND}")
    if (said := major("node")) < OLDEST_NODE:
        fail(f"Node {said} is too old; {NODE_MEND}")


def major(program: str) -> int:
    """Return a program's first version number; 0 where it says none."""
    done = subprocess.run([program, "--version"], capture_output=True, text=True, check=False)
    found = re.search(r"(\d+)\.\d", done.stdout)
    return int(found[1]) if found else 0


def set_up_python(tests: bool, first: Callable[[], None] | None = None) -> None:
    """Make ``.venv`` hold exactly the packages of requirements.lock, and the ``forwarder`` command.

    ``tests``: those of tests/requirements.lock, too. ``first`` is called as soon as the few packages are
    there that building the plugin needs, unless all were there already.
    """
    stamp, more = VENV / "locked", VENV / "locked-tests"
    lock, tests_lock = ROOT / "requirements.lock", ROOT / "tests" / "requirements.lock"
    value = fingerprint(lock) + declared() + str(ROOT)
    pip: list[str | Path] = [PYTHON, "-m", "pip", "install", "--disable-pip-version-check", "--no-input"]
    pip.append("--no-compile")  # most modules of most packages are never imported; the others compile then
    if not unchanged(stamp, value):
        Step("Python environment", [sys.executable, "-m", "venv", "--clear", VENV]).wait()
        if first:
            some = LOGS.parent / "first.lock"
            some.write_text("".join(part(lock, name) for name in PLUGIN_NEEDS))
            Step("Packages for the build", [*pip, "--require-hashes", "-r", some]).wait()
            first()
        Step("Python packages", [*pip, "--require-hashes", "-r", lock]).wait("^Collecting", pins(lock))
        Step("This project", [*pip, "--no-deps", "--no-build-isolation", "--no-index", "-e", ROOT]).wait()
        stamp.write_text(value)
    value = fingerprint(lock, tests_lock)
    if tests and not unchanged(more, value):
        chosen = [*pip, "--require-hashes", "--no-deps", "-r", tests_lock]
        Step("Packages of the tests", chosen).wait("^Collecting", pins(tests_lock))
        more.write_text(value)


def declared() -> str:
    """Return one hash of what pyproject.toml says of packages; settings of tools change no environment."""
    import tomllib  # an older Python than its first has been refused by now

    said = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    parts = [said["build-system"], said["project"], said["dependency-groups"], said["tool"]["hatch"]]
    return hashlib.sha256(repr(parts).encode()).hexdigest()


def pins(lock: Path) -> int:
    """Return how many packages a lock file names."""
    return len(re.findall(r"^\w.*==", lock.read_text(), re.MULTILINE))


def part(lock: Path, name: str) -> str:
    """Return what a lock file says of one package; fails where it says nothing."""
    found = re.search(rf"^{re.escape(name)}==.*\n(?:[ ].*\n)*", lock.read_text(), re.MULTILINE)
    return found[0] if found else fail(f"{lock.name} does not pin {name}")


def set_up(tests: bool = False, plugin: Sequence[str] | None = None) -> None:
    """Set up what every command needs: both package trees, side by side.

    ``plugin``: build the plugin with these options as well, beside what it does not need.
    """
    check_machine()
    stamp, value = NODE_MODULES / ".locked", fingerprint(PLUGIN / "package-lock.json")
    npm: list[str | Path] = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--prefix", PLUGIN]
    there = unchanged(stamp, f"{value} tests") or (not tests and unchanged(stamp, value))
    if tests:
        value += " tests"
    else:
        npm.append("--omit=dev")
    packages = None if there else Step("JavaScript packages", npm)
    building: list[Step] = []

    def packages_there() -> None:
        nonlocal packages
        if packages:
            packages.wait()
            stamp.write_text(value)
            packages = None

    def begin() -> None:
        packages_there()
        if plugin is not None:
            building.append(Step("Freezing Python for the page", [PYTHON, "-m", BUILD_MODULE, *plugin]))

    set_up_python(tests, begin)
    packages_there()
    if building:
        building[0].wait("^build: freezing", FREEZE_STEPS)
    elif plugin is not None:
        build_plugin(*plugin)


def python(*arguments: str | Path) -> int:
    """Run the environment's Python from the root, seen on the terminal, and return its exit code."""
    return subprocess.run([str(PYTHON), *map(str, arguments)], cwd=ROOT, check=False).returncode


def become(*arguments: str | Path) -> NoReturn:
    """Turn this process into the environment's Python, so that signals reach the program itself."""
    os.chdir(ROOT)
    sys.stderr.flush()
    os.execv(PYTHON, [str(PYTHON), *map(str, arguments)])


def build_plugin(*options: str) -> None:
    """Make the plugin's files in ``dist``; quick when nothing changed."""
    if code := python("-m", BUILD_MODULE, *options):
        raise SystemExit(code)
