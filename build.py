#!/usr/bin/env python3
"""The one front door: sets up what a command needs, then runs it. Standard library only.

``python3 build.py --help`` lists the commands. Everything is kept inside the checkout: Python packages in
``.venv`` (exactly those of requirements.lock, for tests those of tests/requirements.lock as well), JavaScript
packages in ``browser_plugin/node_modules`` (exactly those of package-lock.json), what is built in ``dist``,
logs and caches in ``build``. Browsers are the one thing that lives outside, and only ``test`` and ``bench``
need them. What this machine lacks is said before anything long begins, and a step whose inputs have not
changed is not done again.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.util
import itertools
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import ClassVar, NoReturn

ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
PLUGIN = ROOT / "browser_plugin"
NODE_MODULES = PLUGIN / "node_modules"
LOGS = ROOT / "build" / "logs"
OLDEST_PYTHON, OLDEST_NODE, OLDEST_FIREFOX = (3, 11), 20, 153
"""Firefox: that of the pinned Playwright, which speaks with 140 until the middle of a test."""
NODE_MEND = (
    f"install Node {OLDEST_NODE} or newer with npm (apt-get install nodejs npm gives 20 on Debian 13;"
    " Debian 12's is 18, too old)"
)
HOST, HIGHEST_PORT = "127.0.0.1", 65_535
SYSTEM_BROWSERS = {"chromium": "chromium", "firefox-esr": "firefox-esr"}
"""Debian package to program, used where Playwright's own browsers cannot be had."""
WEBKIT = {"webkit2gtk-driver": "WebKitWebDriver", "xvfb": "Xvfb"}
BUILD_MODULE, FREEZE_STEPS = "browser_plugin.dist", 7
PLUGIN_NEEDS = ("brotli", "pscript")
"""Python packages without which the plugin cannot be built; it is built while the others arrive."""
BENCHES = ("browser", "forwarder", "abuse")
ON_REQUEST = ("takeover",)
"""Takes a quarter of an hour, and root, for machines of its own."""


def fail(message: str) -> NoReturn:
    """End with one line that says what is wrong and how to mend it."""
    for process in Step.running:
        process.terminate()
    print(f"build.py: {message}", file=sys.stderr)
    raise SystemExit(1)


def show(line: str, end: str = "\n") -> None:
    """Print progress at once; lines that overwrite each other only where a person is watching."""
    if sys.stderr.isatty():
        print(f"\r\033[K{line}", end=end, file=sys.stderr, flush=True)
    elif end:
        print(line, file=sys.stderr, flush=True)


class Step:
    """One long command behind a progress bar, its output kept in ``build/logs``; several may run."""

    running: ClassVar[list[subprocess.Popen[bytes]]] = []

    def __init__(self, name: str, command: Sequence[str | Path]) -> None:
        """Start it."""
        self.name, self.began = name, time.monotonic()
        LOGS.mkdir(parents=True, exist_ok=True)
        self.log = LOGS / (re.sub(r"\W+", "-", name) + ".log")
        words = [str(part) for part in command]
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                words, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT
            )
        Step.running.append(self.process)

    def said(self) -> str:
        """Return what it has printed until now."""
        return self.log.read_text(encoding="utf-8", errors="replace")

    def wait(self, counts: str = "$^", total: int = 0, needed: bool = True) -> bool:
        """Wait until it has ended; ``counts``: a pattern, each match moves the bar by one of ``total``.

        With ``needed`` a failure ends the program; without, the answer says whether it succeeded.
        """
        if not sys.stderr.isatty():
            show(f"{self.name} ...")
        spinner = itertools.cycle("|/-\\")
        while self.process.poll() is None:
            done = len(re.findall(counts, self.said(), re.MULTILINE)) if total else 0
            bar = f"[{'#' * (24 * min(done, total) // total):24}]" if total else next(spinner)
            show(f"{self.name} {bar} {time.monotonic() - self.began:.0f} s", end="")
            time.sleep(0.1)
        Step.running.remove(self.process)
        if self.process.returncode == 0:
            show(f"{self.name}: done in {time.monotonic() - self.began:.0f} s")
            return True
        if needed:
            show("\n".join(self.said().strip().splitlines()[-15:]))
            code, log = self.process.returncode, self.log.relative_to(ROOT)
            fail(f"{self.name} failed (exit code {code}); all it said is in {log}")
        show(f"{self.name}: failed")
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


def check_machine() -> None:
    """End with one line where Python or Node are missing or too old."""
    if sys.version_info < OLDEST_PYTHON:
        fail(f"Python {sys.version.split()[0]} is too old; run this with Python 3.11 or newer")
    if VENV.is_symlink():
        fail(".venv is a link to another environment; remove it to have one made here")
    if not (PYTHON.exists() or importlib.util.find_spec("ensurepip")):
        fail("Python's venv module is missing; install it (apt-get install python3-venv) and run this again")
    if not (shutil.which("node") and shutil.which("npm")):
        fail(f"Node.js is missing; {NODE_MEND}")
    if (said := major("node")) < OLDEST_NODE:
        fail(f"Node {said} is too old; {NODE_MEND}")


def check_ports(base: int) -> None:
    """End with one line where one of the three ports that ``serve`` needs is in use."""
    for number in range(base, base + 3) if base else ():
        with socket.socket() as listener:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                listener.bind((HOST, number))
            except OSError as error:
                fail(f"port {number}: {error.strerror}; choose another base with --port N, or --port 0")


def check_browsers() -> None:
    """End with one line where the system's Firefox is there and too old for the pinned Playwright."""
    if unchanged(ROOT / "build" / "browsers", "playwright") or not shutil.which("firefox-esr"):
        return
    if (said := major("firefox-esr")) < OLDEST_FIREFOX:
        mend = "apt-get update && apt-get install firefox-esr"
        fail(f"Firefox {said} is too old for the browser tests ({OLDEST_FIREFOX} or newer): {mend}")


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


def set_up_browsers() -> None:
    """Find or install browsers: Playwright's own where they can be had, else the system's packages."""
    stamp = ROOT / "build" / "browsers"
    if unchanged(stamp, "playwright") or all(map(shutil.which, (SYSTEM_BROWSERS | WEBKIT).values())):
        return
    own: list[str | Path] = [PYTHON, "-m", "playwright", "install", "chromium", "firefox", "webkit"]
    if Step("Playwright's browsers", own).wait("downloaded to", 4, needed=False):
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
    Step("Package lists", [*apt, "apt-get", "update", "-q"]).wait(needed=False)
    install = [*apt, "env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "install", "-qy", *missing]
    if not Step("Browsers", install).wait("^(?:Unpacking|Setting up)", 150, needed=False):
        fail(f"browsers could not be installed; {hand}")
    check_browsers()


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


def build_packages() -> list[Path]:
    """Make wheel and npm package of the built files in ``dist`` and return them; older ones go."""
    dist = ROOT / "dist"
    for path in (*dist.glob("*.whl"), *dist.glob("*.tgz")):
        path.unlink()
    wheel: list[str | Path] = [PYTHON, "-m", "hatchling", "build", "-t", "wheel", "-d", dist]
    steps = [Step("Wheel", wheel), Step("npm package", [PYTHON, "-m", "browser_plugin.published"])]
    for step in steps:
        step.wait()
    return sorted((*dist.glob("*.whl"), *dist.glob("*.tgz")))


def build(options: argparse.Namespace, extra: list[str]) -> None:
    """Make the page's files and say how large they are; then the packages that hold them.

    ``--enrich PATH``: with code of your own, which is for your pages; no packages then.
    """
    set_up(tests=is_tight(extra))
    build_plugin(*extra)
    if not extra:
        for path in build_packages():
            print(path.relative_to(ROOT))


def release(options: argparse.Namespace, extra: list[str]) -> None:
    """Build everything, see whether it agrees, and write checksums beside it; nothing is published."""
    build(options, extra)
    if code := python("-m", "browser_plugin.release"):
        raise SystemExit(code)


def enrich_check(options: argparse.Namespace, extra: list[str]) -> NoReturn:
    """Run your own code on the same events as page, forwarder and plain Python do; show what differs."""
    set_up(tests=is_tight(extra))
    answers = ROOT / "build" / "enrich-check.json"
    if code := python("-m", "browser_plugin.owner_freeze.answers", "--out", answers, *extra):
        raise SystemExit(code)
    become("-m", "forwarder.enrichment", answers)


def is_tight(words: Sequence[str]) -> bool:
    """Tell whether an owner's code is to be frozen tight, which takes pytest and hypothesis."""
    return any(word.rpartition("=")[2] == "tight" for word in words)


def enrich_levels(options: argparse.Namespace, extra: list[str]) -> NoReturn:
    """Freeze your own code at every level and print what each costs, as a table."""
    set_up(tests=True)
    become("-m", "browser_plugin.owner_freeze.levels", *extra)


def agree(options: argparse.Namespace, extra: list[str]) -> NoReturn:
    """Ask this Python, the frozen module, stock Pyodide and the compiled rules about the same events."""
    set_up()
    build_plugin()
    become("-m", "tests.agreement", *extra)


def serve(options: argparse.Namespace, extra: list[str]) -> NoReturn:
    """Build, then start the forwarder, the shop and the fake Amplitude (``web_demo``)."""
    check_ports(options.port)
    set_up(plugin=["--quick"])
    if options.amplitude_key:  # by the environment: command lines can be read by every user of a machine
        os.environ["AMPLITUDE_API_KEY"] = options.amplitude_key
        extra += ["--real", "--region", options.region]
    if not options.browser:
        extra.append("--no-browser")
    become("-m", "web_demo", "--port", str(options.port), *extra)


def test(options: argparse.Namespace, extra: list[str]) -> NoReturn:
    """Run what CI runs, in the order of what fails fastest; further arguments choose tests."""
    check_browsers()
    set_up(tests=True)
    set_up_browsers()
    become("-m", "tests", *extra)


def bench(options: argparse.Namespace, extra: list[str]) -> NoReturn:
    """Run the benchmarks; tables on the terminal, JSON lines in ``dist/bench``."""
    if browsers := options.what in (None, "browser"):
        check_browsers()
    set_up(tests=True)
    if browsers:
        set_up_browsers()
    build_plugin()
    become("-m", "tests.bench", *([options.what] if options.what else []), *extra)


def mutants(options: argparse.Namespace, extra: list[str]) -> NoReturn:
    """Change the core's code in every small way and see which changes no test notices."""
    set_up(tests=True)
    become("-m", "tests.mutants", *extra)


def docs(options: argparse.Namespace, extra: list[str]) -> None:
    """Make the documentation's reference anew, and its site in ``build/docs``."""
    set_up(tests=True)
    os.environ["NO_MKDOCS_2_WARNING"] = "1"
    for words in (["-m", "tests.docs.reference"], ["-m", "mkdocs", "build", "--strict", "--quiet"]):
        if code := python(*words):
            raise SystemExit(code)
    show("the site is in build/docs; open index.html there")


def port(text: str) -> int:
    """Return a base port; argparse tells what is wrong with any other text."""
    if text.isascii() and text.isdigit() and int(text) <= HIGHEST_PORT - 2:
        return int(text)
    raise argparse.ArgumentTypeError(f"{text} is no base port; give 1 to {HIGHEST_PORT - 2}, or 0")


def main(words: Sequence[str] | None = None) -> None:
    """Read the command line and run the command."""
    signal.signal(signal.SIGINT, signal.default_int_handler)  # shells have their jobs ignore it
    # Else each program compiles all that it imports: 0.9 s for each forwarder that a test starts.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    parser = argparse.ArgumentParser(
        prog="build.py", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    texts = {
        serve: "the main job: forwarder, demo shop and fake Amplitude on this machine; Ctrl-C ends all",
        test: "everything CI checks, in real browsers; further arguments go to pytest (-k NAME, -x, ...)",
        build: "the page's files into dist/, with sizes, and packages; with your own Python: --enrich PATH"
        " [--level whole|code|tight] [--events FILE] [--required [--minimal FIELDS]]",
        enrich_check: "your own Python in page, forwarder and here on the same events: PATH [--events FILE]"
        " [--count N] [--level whole|code|tight]",
        enrich_levels: "what each level of your own Python costs, as a table: PATH... [--events FILE]",
        agree: "the rules in four places on 100,000 made-up events: here, frozen, stock Pyodide, compiled",
        release: "build, then see whether versions, change log and notices agree; checksums",
        bench: "the benchmarks: browser, forwarder, abuse, or all; takeover; further arguments go to them",
        mutants: "changes to the core that no test notices (--only PATH, --minutes N); can be resumed",
        docs: "the documentation as a site, in build/docs; its reference is made from the code",
    }
    command = {}
    for run, text in texts.items():
        name = run.__name__.replace("_", "-")
        command[name] = commands.add_parser(name, help=text, description=text)
        command[name].set_defaults(run=run)
    add = command["serve"].add_argument
    ports = "base port: forwarder N, shop N+1, fake N+2 (default: 8300); 0 picks free ones"
    add("--port", type=port, default=8300, metavar="N", help=ports)
    add(
        "--amplitude-key", metavar="KEY", help="send to the real Amplitude with this API key, not to the fake"
    )
    add("--region", choices=["north_america", "europe"], default="north_america", help="the key's region")
    add("--no-browser", dest="browser", action="store_false", help="do not open the shop in a browser")
    command["bench"].add_argument(
        "what", nargs="?", choices=(*BENCHES, *ON_REQUEST), help="default: all but takeover"
    )
    options, extra = parser.parse_known_args(words)
    if extra and options.run in (serve, docs, release):
        parser.error(
            f"{options.command} does not know {' '.join(extra)}; see build.py {options.command} --help"
        )
    options.run(options, extra)


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        fail("stopped")
