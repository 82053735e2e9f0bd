"""The benchmarks: ``python -m tests.bench [WHAT] [words for them]``; ``build.py bench`` calls it.

Each prints tables and writes JSON lines into ``dist/bench``. They run one after the other, for a machine's
cores have to be theirs; but for a look at whether they work, where figures are not what counts.
"""

import subprocess
import sys

from browser_plugin.checkout.steps import ROOT, Step, fail

BENCHES = ("browser", "forwarder", "abuse")
LOOK = "--quick"


def command(what: str, words: list[str]) -> list[str]:
    """Return what runs one of them."""
    return [sys.executable, "-m", f"tests.bench.{what}", *words]


def run(what: str, words: list[str]) -> None:
    """Run one; end the program, and what runs beside it, where it fails."""
    if subprocess.run(command(what, words), cwd=ROOT, check=False).returncode:
        fail(f"the benchmark {what} failed")


def look() -> None:
    """See whether all of them work: those of the browser beside those of the forwarder."""
    beside = Step("Benchmarks of the browser", command("browser", [LOOK]))
    run("forwarder", [LOOK])
    beside.wait()
    print(beside.said(), end="", flush=True)
    run("abuse", [LOOK])  # by itself: it has a bound


def main(words: list[str]) -> None:
    """Run the one that is named, or all but those that need a machine of their own."""
    if words == [LOOK]:
        look()
    elif words and not words[0].startswith("-"):
        run(words[0], words[1:])
    else:
        for what in BENCHES:
            run(what, words)


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except KeyboardInterrupt:
        fail("stopped")
