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
import os
import signal
import socket
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

if sys.version_info < (3, 11):  # noqa: UP036 - before it meets words that it cannot read
    old = sys.version.split()[0]
    raise SystemExit(f"build.py: Python {old} is too old; run this with Python 3.11 or newer")

from browser_plugin.checkout.environment import PYTHON, become, build_plugin, python, set_up
from browser_plugin.checkout.steps import ROOT, Step, fail, show
from tests.bench.__main__ import BENCHES
from tests.browser.installing import check_browsers, set_up_browsers

HOST, HIGHEST_PORT = "127.0.0.1", 65_535
ON_REQUEST = ("finding", "console", "takeover")
"""The last takes a quarter of an hour, and root, for machines of its own."""


def check_ports(base: int) -> None:
    """End with one line where one of the three ports that ``serve`` needs is in use."""
    for number in range(base, base + 3) if base else ():
        with socket.socket() as listener:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                listener.bind((HOST, number))
            except OSError as error:
                fail(f"port {number}: {error.strerror}; choose another base with --port N, or --port 0")


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


def screenshots(options: argparse.Namespace, extra: list[str]) -> NoReturn:
    """Take pictures of every page of the console, light, dark and as wide as a phone."""
    check_browsers()
    set_up(tests=True)
    set_up_browsers()
    become("-m", "tests.browser.screenshots", *extra)


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
        bench: "the benchmarks: browser, forwarder, abuse, or all three; finding, console, takeover; further"
        " arguments go to them",
        mutants: "changes to the core that no test notices (--only PATH, --minutes N); can be resumed",
        screenshots: "every page of the console, in dist/screenshots; --walk-through: those in docs/pictures",
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
        "what", nargs="?", choices=(*BENCHES, *ON_REQUEST), help="default: the first three"
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
