"""A plugin made up for the tests of the freeze, its workload, and the freeze as a command."""

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from browser_plugin.page_build.places import PYODIDE
from tests.support.processes import ROOT

SOURCE = '''
"""Sums up what was ordered, as JSON."""
import json
import re

LINE = re.compile(r"(\\d+) (\\w+)")

class Order:
    def __init__(self, lines):
        self.lines = lines

    @property
    def total(self):
        return sum(self.lines.values())

def summary(text):
    if text.startswith("fail"):
        raise ValueError("no such order")
    lines = {}
    for count, name in LINE.findall(text):
        lines[name] = lines.get(name, 0) + int(count)
    try:
        extra = json.loads(text)
    except json.JSONDecodeError as error:
        extra = error.pos
    return json.dumps([lines, Order(lines).total, extra], ensure_ascii=False)

NUMBER = 5
'''
WORKLOAD = """
from random import Random

def texts():
    lines = ["", "2 apples 3 \\u00c4pfel, 1 \\u82f9\\u679c", "[1,", "[]"]
    return [*lines, '{"a": [1, -2.5e3, null, true, "\\u00e9\\\\n\\\\u1234"]}']

def generated(count):
    random = Random(1)
    words = ["apples", "\\u00c4pfel", "\\u82f9\\u679c", "x" * 90]
    for _ in range(count):
        line = f"{random.randrange(1000)} {random.choice(words)}"
        table = f'{{"k": [{random.randrange(10**6)}, "{line}"]}}'
        yield random.choice([line, f"{line}, {line}", table, "[" + line])
"""


def written(folder: Path, source: str = SOURCE, workload: str = WORKLOAD) -> Path:
    """Write package and workload into a folder; return it."""
    (folder / "orders").mkdir(parents=True)
    (folder / "orders" / "__init__.py").write_text(source, encoding="utf-8")
    (folder / "workload.py").write_text(workload, encoding="utf-8")
    return folder


def command(
    folder: Path,
    cache: Path,
    changed: Mapping[str, str],
    program: Sequence[str] = ("-m", "browser_plugin.freeze"),
) -> list[str]:
    """Return the command that freezes what lies in ``folder``."""
    options = {
        "wheel": "orders",
        "entry": "orders:summary",
        "workload": "workload",
        "pyodide": str(PYODIDE),
        "out": str(folder / "out"),
        "cache": str(cache),
        **changed,
    }
    words = [word for name, value in options.items() for word in (f"--{name}", value)]
    return [sys.executable, *program, *words]


def surroundings(**changed: str) -> dict[str, str]:
    """Return the environment in which it finds this project and, in the current folder, the workload."""
    return {**os.environ, "PYTHONPATH": str(ROOT), **changed}


def lines(
    folder: Path,
    cache: Path,
    changed: Mapping[str, str],
    env: Mapping[str, str] | None = None,
    program: Sequence[str] = ("-m", "browser_plugin.freeze"),
) -> Iterator[str]:
    """Run it where it has to fail, and return what it says."""
    done = subprocess.run(
        command(folder, cache, changed, program),
        cwd=folder,
        env=env or surroundings(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1, done
    assert done.stdout == ""
    yield from (line for line in done.stderr.splitlines() if not line.startswith("freeze: 1/"))
