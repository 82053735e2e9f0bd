#!/usr/bin/env python3
"""The one front door: sets up what a command needs, then runs it. Standard library only.

``python3 build.py --help`` lists the commands. Everything is kept inside the checkout: Python packages in
``.venv`` (exactly those of requirements.lock), JavaScript packages in ``browser_plugin/node_modules``
(exactly those of package-lock.json), what is built in ``dist``, logs and caches in ``build``. Browsers are
the one thing that lives outside, and only ``test`` and ``bench browser`` need them. A step whose inputs
have not changed is not done again.
"""

from __future__ import annotations

import argparse
import hashlib
import itertools
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
PLUGIN = ROOT / "browser_plugin"
NODE_MODULES = PLUGIN / "node_modules"
LOGS = ROOT / "build" / "logs"
OLDEST_PYTHON, OLDEST_NODE = (3, 11), 20
HIGHEST_PORT = 65_535
SYSTEM_BROWSERS = {"chromium": "chromium", "firefox-esr": "firefox-esr"}
"""Debian package to program, used where Playwright's own browsers cannot be had."""
WEBKIT = {"webkit2gtk-driver": "WebKitWebDriver", "xvfb": "Xvfb"}


def fail(message: str) -> NoReturn:
    """End with one line that says what is wrong and how to mend it."""
    print(f"build.py: {message}", file=sys.stderr)
    raise SystemExit(1)


def show(line: str, end: str = "\n") -> None:
    """Print progress at once; lines that overwrite each other only where a person is watching."""
    if sys.stderr.isatty():
        print(f"\r\033[K{line}", end=end, file=sys.stderr, flush=True)
    elif end:
        print(line, file=sys.stderr, flush=True)


def step(
    name: str, command: Sequence[str | Path], *, counts: str = "$^", total: int = 0, needed: bool = True
) -> bool:
    """Run one long command behind a progress bar, its output kept in ``build/logs``.

    ``counts``: a pattern; lines it matches move the bar by one of ``total``. With ``needed`` a failure ends
    the program; without, the answer says whether the command succeeded.
    """
    LOGS.mkdir(parents=True, exist_ok=True)
    log = LOGS / (re.sub(r"\W+", "-", name) + ".log")
    began, done, spinner = time.monotonic(), 0, itertools.cycle("|/-\\")
    if not sys.stderr.isatty():
        show(f"{name} ...")
    with log.open("w", encoding="utf-8") as written:
        process = subprocess.Popen(
            [str(part) for part in command],
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert process.stdout is not None
        for line in process.stdout:
            written.write(line)
            done += bool(re.search(counts, line))
            filled = 24 * min(done, total) // total if total else 0
            bar = f"[{'#' * filled:24}]" if total else next(spinner)
            show(f"{name} {bar} {time.monotonic() - began:.0f} s", end="")
    if process.wait() == 0:
        show(f"{name}: done in {time.monotonic() - began:.0f} s")
        return True
    if needed:
        lines = log.read_text(encoding="utf-8").strip().splitlines()[-15:]
        show("\n".join(lines))
        fail(f"{name} failed (exit code {process.returncode}); all it said is in {log.relative_to(ROOT)}")
    show(f"{name}: not possible here")
    return False


def fingerprint(*paths: Path) -> str:
    """Return one hash of the files' contents and of this Python's version."""
    digest = hashlib.sha256(sys.version.encode())
    for path in paths:
        digest.update(path.read_bytes())
    return digest.hexdigest()


def unchanged(stamp: Path, value: str) -> bool:
    """Tell whether the stamp file holds ``value``."""
    return stamp.is_file() and stamp.read_text() == value


def set_up_python() -> None:
    """Make ``.venv`` hold exactly the packages of requirements.lock, and the ``forwarder`` command."""
    stamp, lock = VENV / "locked", ROOT / "requirements.lock"
    value = fingerprint(lock, ROOT / "pyproject.toml") + str(ROOT)
    if unchanged(stamp, value):
        return
    if sys.version_info < OLDEST_PYTHON:
        fail(f"Python {sys.version.split()[0]} is too old; run this with Python 3.11 or newer")
    if VENV.is_symlink():
        fail(".venv is a link to another environment; remove it to have one made here")
    making: list[str | Path] = [sys.executable, "-m", "venv", "--clear", VENV]
    if not step("Python environment", making, needed=False):
        fail("Python's venv module is missing; install it (apt-get install python3-venv) and run this again")
    pip: list[str | Path] = [PYTHON, "-m", "pip", "install", "--disable-pip-version-check", "--no-input"]
    pins = len(re.findall(r"^\w.*==", lock.read_text(), re.MULTILINE))
    step("Python packages", [*pip, "--require-hashes", "-r", lock], counts="^Collecting", total=pins)
    step("This project", [*pip, "--no-deps", "--no-build-isolation", "--no-index", "-e", ROOT])
    stamp.write_text(value)


def set_up_node() -> None:
    """Make ``browser_plugin/node_modules`` hold exactly the packages of package-lock.json."""
    stamp, lock = NODE_MODULES / ".locked", PLUGIN / "package-lock.json"
    value = fingerprint(lock)
    if unchanged(stamp, value):
        return
    if not (shutil.which("node") and shutil.which("npm")):
        fail("Node.js is missing; install Node 20 or newer with npm (apt-get install nodejs npm)")
    said = subprocess.run(["node", "--version"], capture_output=True, text=True, check=True).stdout.strip()
    if int(said.lstrip("v").split(".")[0]) < OLDEST_NODE:
        fail(f"Node {said} is too old; install Node {OLDEST_NODE} or newer")
    step(
        "JavaScript packages",
        ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--prefix", PLUGIN],
    )
    stamp.write_text(value)


def set_up_browsers() -> None:
    """Find or install browsers: Playwright's own where they can be had, else the system's packages."""
    stamp = ROOT / "build" / "browsers"
    if unchanged(stamp, "playwright") or all(map(shutil.which, (SYSTEM_BROWSERS | WEBKIT).values())):
        return
    own: list[str | Path] = [PYTHON, "-m", "playwright", "install", "chromium", "firefox", "webkit"]
    if step("Playwright's browsers", own, counts="downloaded to", total=4, needed=False):
        stamp.write_text("playwright")
        return
    missing = [
        package for package, program in (SYSTEM_BROWSERS | WEBKIT).items() if not shutil.which(program)
    ]
    hand = f"install them by hand: apt-get install {' '.join(missing)}"
    if not shutil.which("apt-get"):
        fail(f"browsers are missing, and this system has no apt-get; {hand}")
    apt = [] if os.geteuid() == 0 else ["sudo", "-n"]
    if apt and not shutil.which("sudo"):
        fail(f"browsers are missing and this user cannot install packages; {hand}")
    step("Package lists", [*apt, "apt-get", "update", "-q"], needed=False)
    install = [*apt, "env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "install", "-qy", *missing]
    if not step("Browsers", install, counts="^(Unpacking|Setting up)", total=150, needed=False):
        fail(f"browsers could not be installed; {hand}")


def python(*arguments: str | Path) -> int:
    """Run the environment's Python from the root, seen on the terminal, and return its exit code."""
    return subprocess.run([str(PYTHON), *map(str, arguments)], cwd=ROOT, check=False).returncode


def become(*arguments: str | Path) -> NoReturn:
    """Turn this process into the environment's Python, so that signals reach the program itself."""
    os.chdir(ROOT)
    sys.stderr.flush()
    os.execv(PYTHON, [str(PYTHON), *map(str, arguments)])


def set_up() -> None:
    """Set up what every command needs: both package trees and the plugin's files in ``dist``."""
    set_up_python()
    set_up_node()


def build_plugin() -> None:
    """Make the plugin's files in ``dist``; quick when nothing changed."""
    if code := python("-m", "browser_plugin.dist"):
        raise SystemExit(code)


def build(options: argparse.Namespace, extra: list[str]) -> None:
    """Make the plugin's distributable files and say how large they are."""
    set_up()
    build_plugin()


def serve(options: argparse.Namespace, extra: list[str]) -> NoReturn:
    """Build, then start the forwarder, the shop and the fake Amplitude (``web_demo``)."""
    set_up()
    build_plugin()
    if options.amplitude_key:  # by the environment: command lines can be read by every user of a machine
        os.environ["AMPLITUDE_API_KEY"] = options.amplitude_key
        extra += ["--real", "--region", options.region]
    if not options.browser:
        extra.append("--no-browser")
    become("-m", "web_demo", "--port", str(options.port), *extra)


def test(options: argparse.Namespace, extra: list[str]) -> None:
    """Run what CI runs, in the order of what fails fastest."""
    set_up()
    set_up_browsers()
    checks: dict[str, list[str | Path]] = {
        "lint": ["-m", "ruff", "check", "."],
        "format": ["-m", "ruff", "format", "--check", "."],
        "types": ["-m", "mypy"],
        "architecture": ["-c", "from importlinter.cli import lint_imports_command as run; run()"],
    }
    failed = []
    for name, command in checks.items():
        print(f"== {name}", flush=True)
        if python(*command):
            failed.append(name)
    for folder in (PLUGIN / "page", ROOT / "web_demo" / "shop"):
        name = f"types of the JavaScript in {folder.relative_to(ROOT)}"
        print(f"== {name}", flush=True)
        tsc = ["node", str(NODE_MODULES / "typescript" / "bin" / "tsc"), "-p", str(folder)]
        if subprocess.run(tsc, cwd=ROOT, check=False).returncode:
            failed.append(name)
    print("== build", flush=True)
    build_plugin()
    print("== tests", flush=True)
    workers = (
        []
        if any(word.startswith(("-n", "--numprocesses")) for word in extra)
        else ["-n", "2", "--dist", "worksteal"]
    )
    if python("-m", "pytest", *workers, *extra):
        failed.append("tests")
    if failed:
        fail(f"failed: {', '.join(failed)}")


def bench(options: argparse.Namespace, extra: list[str]) -> None:
    """Run the benchmarks; tables on the terminal, JSON lines in ``dist/bench``."""
    set_up()
    build_plugin()
    chosen = [options.what] if options.what else ["browser", "forwarder"]
    if "browser" in chosen:
        set_up_browsers()
    for what in chosen:
        if code := python("-m", f"tests.bench.{what}", *extra):
            raise SystemExit(code)


def port(text: str) -> int:
    """Return a base port; argparse tells what is wrong with any other text."""
    if text.isascii() and text.isdigit() and int(text) <= HIGHEST_PORT - 2:
        return int(text)
    raise argparse.ArgumentTypeError(f"{text} is no base port; give 1 to {HIGHEST_PORT - 2}, or 0")


def main(words: Sequence[str] | None = None) -> None:
    """Read the command line and run the command."""
    signal.signal(signal.SIGINT, signal.default_int_handler)  # shells have their jobs ignore it
    parser = argparse.ArgumentParser(
        prog="build.py", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    texts = {
        serve: "the main job: forwarder, demo shop and fake Amplitude on this machine; Ctrl-C ends all",
        test: "everything CI checks, in real browsers; further arguments go to pytest (-k NAME, -x, ...)",
        build: "the plugin's files into dist/, with a table of sizes",
        bench: "the benchmarks: browser, forwarder, or both; further arguments go to them",
    }
    command = {}
    for run, text in texts.items():
        command[run.__name__] = commands.add_parser(run.__name__, help=text, description=text)
        command[run.__name__].set_defaults(run=run)
    add = command["serve"].add_argument
    ports = "base port: forwarder N, shop N+1, fake N+2 (default: 8300); 0 picks free ones"
    add("--port", type=port, default=8300, metavar="N", help=ports)
    add(
        "--amplitude-key", metavar="KEY", help="send to the real Amplitude with this API key, not to the fake"
    )
    add("--region", choices=["north_america", "europe"], default="north_america", help="the key's region")
    add("--no-browser", dest="browser", action="store_false", help="do not open the shop in a browser")
    command["bench"].add_argument("what", nargs="?", choices=["browser", "forwarder"], help="default: both")
    options, extra = parser.parse_known_args(words)
    if extra and options.run in (serve, build):
        parser.error(
            f"{options.command} does not know {' '.join(extra)}; see build.py {options.command} --help"
        )
    options.run(options, extra)


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        fail("stopped")
