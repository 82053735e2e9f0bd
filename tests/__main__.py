"""Runs what CI runs, in the order of what fails fastest: ``python -m tests``; ``build.py test`` calls it.

Words after it go to pytest, and choose tests. The machine has two cores at least: what needs but one of them
has something beside it.
"""

import subprocess
import sys

from browser_plugin.checkout.environment import BUILD_MODULE, NODE_MODULES, PLUGIN
from browser_plugin.checkout.steps import ROOT, Step, fail
from tests.bench.__main__ import LOOK

Command = list[str]
PYTHON = sys.executable
QUICK = [f"tests/{level}" for level in ("unit", "vectors", "contract")]
"""Run with a count of the branches that they reach, which makes them take half as long again: not what waits
for other programs, nor thousands of days."""
QUICK_WORKERS, OTHER_WORKERS = 3, 4
"""More than two cores, for tests wait: in ``contract`` for NATS, others for servers and browsers.
With three workers, others took 880 s of CPU in 630 s, which is 70 % of two cores."""
TSC = ["node", str(NODE_MODULES / "typescript" / "bin" / "tsc"), "-p"]
TYPES = [PYTHON, "-m", "mypy"]
CODE = {
    "lint": [PYTHON, "-m", "ruff", "check", "."],
    "format": [PYTHON, "-m", "ruff", "format", "--check", "."],
    "architecture": [PYTHON, "-c", "from importlinter.cli import lint_imports_command as run; run()"],
    "types of the page's JavaScript": [*TSC, str(PLUGIN / "page")],
    "types of the shop's JavaScript": [*TSC, str(ROOT / "web_demo" / "shop")],
    "types of the user agents' JavaScript": [*TSC, str(ROOT / "forwarder" / "amplitude")],
    "types of the console's JavaScript": [*TSC, str(ROOT / "forwarder" / "console")],
    "types of the check's JavaScript": [*TSC, str(ROOT / "forwarder" / "verifying")],
}


def chosen(words: list[str]) -> dict[str, Command]:
    """Return what runs the tests that these words choose; all of them, and a look at benches, for none."""
    pytest = [PYTHON, "-m", "pytest"]
    if words:
        given = any(word.startswith(("-n", "--numprocesses")) for word in words)
        return {"tests": [*pytest, *([] if given else workers(2)), *words]}
    watched = ["--cov", "--cov-branch", "--cov-report=json:build/coverage.json", "--cov-report="]
    others = [f"--ignore={folder}" for folder in QUICK]
    return {
        "tests, watched": [*pytest, *workers(QUICK_WORKERS), *QUICK, *watched],
        "branches reached": [PYTHON, "-m", "tests.branches"],
        "other tests": [*pytest, *workers(OTHER_WORKERS), *others],
        "benchmarks": [PYTHON, "-m", "tests.bench", LOOK],
    }


def workers(count: int) -> Command:
    """Return pytest's words for so many workers, of which an idle one takes tests from another."""
    return ["-n", str(count), "--dist", "worksteal"]


def run(checks: dict[str, Command]) -> list[str]:
    """Run one command after the other, seen on the terminal; return the names of those that failed."""
    failed = []
    for name, command in checks.items():
        print(f"== {name}", flush=True)
        if subprocess.run(command, cwd=ROOT, check=False).returncode:
            failed.append(name)
    return failed


def main(words: list[str]) -> None:
    """Look at the code while the page's files are built; then run the tests."""
    building, types = Step("Build", [PYTHON, "-m", BUILD_MODULE]), Step("Types", TYPES)
    failed = run(CODE)
    if not types.wait(needed=False):
        failed.append("types")
    print(f"== types\n{types.said()}", end="", flush=True)
    building.wait()
    print(building.said(), end="", flush=True)
    failed += run(chosen(words))
    if failed:
        fail(f"failed: {', '.join(failed)}")


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except KeyboardInterrupt:
        fail("stopped")
