"""``build.py mutants``: mutmut changes the core in every small way; what no quick test notices is printed.

mutmut notes which tests reach which function and runs only these, the quickest first. Work lies in
``build/mutants`` and is resumed there: what is known of unchanged functions is not asked again.
"""

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
from collections import Counter
from fnmatch import fnmatch
from pathlib import Path

ROOT = Path(__file__).parents[1]
WORK = ROOT / "build" / "mutants"
CORE = (
    *("browser_plugin/session.py", "browser_plugin/rules.py", "browser_plugin/explanation.py"),
    *("browser_plugin/destinations.py", "browser_plugin/entry.py", "browser_plugin/plugin.py"),
    *("forwarder/delivery/*", "forwarder/spool/*", "forwarder/ingest/*"),
    *("forwarder/amplitude/wire/responses.py", "forwarder/http/sending.py", "forwarder/http/auth.py"),
)
"""What is changed."""
TESTS = ("tests/unit", "tests/property", "tests/contract")
"""Which tests may notice: those that run our code in their own process."""
PACKAGES = ("browser_plugin", "forwarder")
SETTINGS = """
[tool.mutmut]
source_paths = {packages}
only_mutate = {core}
also_copy = ["web_demo", "build.py", "README.md", "requirements.lock", "hatch_build.py", ".gitignore"]
pytest_add_cli_args = ["-p", "no:cacheprovider", "-p", "no:xdist", "--hypothesis-seed=1"]
pytest_add_cli_args_test_selection = {tests}
process_isolation = "forkserver"
timeout_multiplier = 5.0
timeout_constant = 5.0
"""
VERDICTS = {0: "survived", 1: "killed", 3: "killed", 33: "no tests", 24: "killed (time)", 36: "killed (time)"}


def prepare() -> None:
    """Copy what is tracked or new into the work folder, files that have not changed untouched."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    for name in filter(None, listed.stdout.split("\0")):
        source, copy = ROOT / name, WORK / name
        if source.is_file() and not (copy.is_file() and copy.read_bytes() == source.read_bytes()):
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, copy)
    (WORK / "mutants" / "browser_plugin").mkdir(parents=True, exist_ok=True)
    modules = WORK / "mutants" / "browser_plugin" / "node_modules"
    if not modules.is_symlink():
        modules.symlink_to(ROOT / "browser_plugin" / "node_modules")
    settings = SETTINGS.format(packages=list(PACKAGES), core=list(CORE), tests=list(TESTS))
    (WORK / "pyproject.toml").write_text((ROOT / "pyproject.toml").read_text() + settings)


def verdicts(only: str) -> dict[str, dict[str, int | None]]:
    """Return mutmut's exit code for each change, by module; ``only``: a path or pattern."""
    found = {}
    for path in sorted((WORK / "mutants").rglob("*.py.meta")):
        module = path.relative_to(WORK / "mutants").as_posix().removesuffix(".meta")
        if module.startswith(only) or fnmatch(module, only):
            found[module] = json.loads(path.read_text())["exit_code_by_key"]
    return {module: codes for module, codes in found.items() if codes}


def tally(found: dict[str, dict[str, int | None]]) -> list[str]:
    """Return a line for each module and one for all: what became of its changes."""
    lines, all_counts = [], Counter[str]()
    for module, codes in found.items():
        counts = Counter(
            "not asked" if code is None else VERDICTS.get(code, "killed") for code in codes.values()
        )
        all_counts += counts
        lines.append(_line(module, counts))
    return [*lines, _line("all", all_counts)]


def _line(name: str, counts: Counter[str]) -> str:
    asked = counts.total() - counts["not asked"]
    left = counts["survived"] + counts["no tests"]
    share = 100 * left / asked if asked else 0.0
    said = ", ".join(f"{count} {verdict}" for verdict, count in sorted(counts.items()))
    return f"{name}: {share:.0f} % not noticed ({said})"


def run(only: str, minutes: float) -> None:
    """Have mutmut ask until it is done or the time is over."""
    chosen = [f"{only.removesuffix('.py').replace('/', '.').rstrip('.*')}.*"] if only else []
    command = [sys.executable, "-m", "mutmut", "run", "--max-children", str(os.cpu_count() or 1), *chosen]
    process = subprocess.Popen(command, cwd=WORK, stdin=subprocess.DEVNULL, preexec_fn=lambda: os.nice(10))
    try:
        process.wait(minutes * 60)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGINT)
        process.wait()


def show(found: dict[str, dict[str, int | None]]) -> None:
    """Print each change that no test noticed, as a difference."""
    for codes in found.values():
        for name in (name for name, code in codes.items() if code == 0):
            said = subprocess.run(
                [sys.executable, "-m", "mutmut", "show", name],
                cwd=WORK,
                capture_output=True,
                text=True,
                check=False,
            ).stdout
            lines = [
                line for line in said.splitlines() if line[:1] in "+-" and line[:3] not in ("+++", "---")
            ]
            print("\n".join([f"\n{name}", *lines]))


def main() -> None:
    """Ask, then print what was not noticed and the tally."""
    parser = argparse.ArgumentParser(prog="build.py mutants", description=__doc__)
    parser.add_argument("--only", default="", metavar="PATH", help="a file or folder of the core")
    parser.add_argument(
        "--minutes", type=float, default=60, help="then it stops and can be resumed (default: 60)"
    )
    options = parser.parse_args()
    if options.only and not any(one.startswith(options.only) or fnmatch(options.only, one) for one in CORE):
        parser.error(f"{options.only} is no part of the core: {', '.join(CORE)}")
    prepare()
    run(options.only, options.minutes)
    found = verdicts(options.only)
    show(found)
    print("\n" + "\n".join(tally(found)))


if __name__ == "__main__":
    main()
