"""``build.py mutants``: the core is changed in every small way; what no quick test notices is printed.

mutmut says which small changes there are (``tests/mutation/changes.py``); those that no user would meet are
left out by kind (``tests/mutation/left_out.py``). Tests that run a changed statement are asked, the quickest
first (``tests/mutation/asking.py``). What is known is kept in ``build/mutants``, so that a run can be stopped
and resumed: a killed change is asked about again once its function has changed, a survivor once tests have.
Survivors that change nothing, or nothing that these tests can reach, stand in
``tests/equivalent_mutants.toml``.
"""

import argparse
import hashlib
import json
import os
import time
import tomllib
from collections import Counter
from collections.abc import Iterable, Iterator
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

from tests.mutation.areas import AREAS, ROOT, Area
from tests.mutation.changes import Change, Source

WORK = ROOT / "build" / "mutants"
EQUIVALENT = ROOT / "tests" / "equivalent_mutants.toml"
LEFT = ("survived", "no tests")
"""Verdicts of changes that no test notices."""
SETTINGS = '[tool.mutmut]\nsource_paths = ["browser_plugin", "forwarder"]\n'


class Verdicts:
    """What became of each change of one area, and which tests reach which lines; kept in a file."""

    def __init__(self, name: str, area: Area, changes: list[Change]) -> None:
        """Read what is known, without what is stale."""
        self._file = WORK / f"{name}.json"
        known = json.loads(self._file.read_text("utf-8")) if self._file.is_file() else {}
        self.changes = {change.key: change for change in changes}
        self.found: dict[str, str] = {
            key: said for key, said in known.get("found", {}).items() if key in self.changes
        }
        core = _stamp(area.modules())
        self._stamps = {one: core + _stamp([one]) for one in area.test_files()}
        old = known.get("stamps", {})
        stale = {one for one in {*self._stamps, *old} if self._stamps.get(one) != old.get(one)}
        reach = known.get("reach", {"lines": {}, "seconds": {}, "failing": []})
        self.reach = _without(reach, stale)
        self.again = set(known.get("again", ())) & self.found.keys()
        """Survivors that other tests may notice by now; until they are asked about they stay survivors."""
        if stale:
            self.again = {key for key, said in self.found.items() if said in LEFT}
        self._kept = time.monotonic()

    def note(self, fresh: dict[str, Any]) -> None:
        """Take in which lines more tests reach."""
        for module, lines in fresh["lines"].items():
            for line, names in lines.items():
                known = self.reach["lines"].setdefault(module, {}).setdefault(line, [])
                known.extend(name for name in names if name not in known)
        self.reach["seconds"].update(fresh["seconds"])
        self.reach["failing"].extend(fresh["failing"])
        self.keep()

    def hear(self, change: Change, said: str) -> None:
        """Take in what became of a change."""
        self.found[change.key] = said
        self.again.discard(change.key)
        if time.monotonic() - self._kept > 20:
            self.keep()

    def keep(self) -> None:
        """Write it down."""
        self._file.parent.mkdir(parents=True, exist_ok=True)
        kept = {"found": self.found, "again": sorted(self.again), "stamps": self._stamps, "reach": self.reach}
        text = json.dumps(kept)
        part = self._file.with_suffix(".part")
        part.write_text(text, "utf-8")
        part.replace(self._file)
        self._kept = time.monotonic()


def _stamp(paths: Iterable[str]) -> str:
    digest = hashlib.sha256()
    for path in paths:
        digest.update((ROOT / path).read_bytes())
    return digest.hexdigest()[:12]


def _without(reach: dict[str, Any], stale: set[str]) -> dict[str, Any]:
    def keeps(name: str) -> bool:
        return name.partition("::")[0] not in stale

    return {
        "lines": {
            module: {line: [one for one in names if keeps(one)] for line, names in lines.items()}
            for module, lines in reach["lines"].items()
        },
        "seconds": {name: value for name, value in reach["seconds"].items() if keeps(name)},
        "failing": [name for name in reach["failing"] if keeps(name)],
    }


def changes_in(root: Path, modules: Iterable[str], work: Path = WORK) -> list[Change]:
    """Return every change that is asked about."""
    work.mkdir(parents=True, exist_ok=True)
    (work / "pyproject.toml").write_text(SETTINGS)
    before = Path.cwd()
    os.chdir(work)  # mutmut reads its configuration where it is run
    try:
        return [change for module in modules for change in Source(root, module).changes()]
    finally:
        os.chdir(before)


def ask(name: str, verdicts: Verdicts, only: str, until: float, workers: int) -> None:
    """Ask about what is not known yet, in a process of its own; return once it is done or time is over."""
    child = os.fork()
    if child:
        os.waitpid(child, 0)
        return
    os.chdir(ROOT)
    import pytest  # a run without tests does without it

    from tests.mutation.asking import Asking

    def pending(reach: dict[str, Any]) -> Iterator[Change]:
        for key in sorted(verdicts.changes):  # by chance: what is known of a stopped run holds for the whole
            known = key in verdicts.found and key not in verdicts.again
            if not known and chosen(verdicts.changes[key].path, only):
                yield verdicts.changes[key]

    modules = AREAS[name].modules()
    asking = Asking(modules, verdicts.reach, pending, verdicts.hear, verdicts.note, until, workers)
    options = ["-q", "--tb=native", "--no-header", "--no-summary"]
    options += ["-p", "no:cacheprovider", "-p", "no:xdist", "-p", "no:cov"]
    area = AREAS[name]
    options += ["--hypothesis-seed=1", *(["-k", f"not ({area.but})"] if area.but else []), *area.test_files()]
    code = pytest.main(options, plugins=[asking])
    verdicts.keep()
    os._exit(int(code))


def chosen(path: str, only: str) -> bool:
    """Tell whether ``--only`` names a module."""
    return path.startswith(only) or fnmatch(path, only)


def equivalents() -> list[dict[str, str]]:
    """Return the survivors that are known, each with ``function``, ``change`` and ``reason``."""
    return tomllib.loads(EQUIVALENT.read_text("utf-8")).get("mutant", []) if EQUIVALENT.is_file() else []


class Tally:
    """Counts verdicts, takes out the survivors that are known, and says which entries match none."""

    def __init__(self, known: list[dict[str, str]]) -> None:
        """Begin; ``known``: the entries of the file."""
        self._known = {(one["function"], one["change"].strip()): one["reason"] for one in known}
        self._met: set[tuple[str, str]] = set()
        self._noticed: set[tuple[str, str]] = set()
        self._functions: set[str] = set()
        self.counts: dict[str, Counter[str]] = {}
        self.left: list[Change] = []

    def add(self, change: Change, said: str) -> None:
        """Count one change."""
        entry = change.name, change.difference
        self._functions.add(change.name)
        if said in LEFT and entry in self._known:
            self._met.add(entry)
            said = "equivalent"
        elif said in LEFT:
            self.left.append(change)
        elif entry in self._known and said.startswith("killed"):
            self._noticed.add(entry)
        self.counts.setdefault(change.path, Counter())[said] += 1

    def stale(self, only: str) -> list[str]:
        """Return a line for each entry of the file that is no survivor any more."""
        paths = {change: change for change in self._functions}
        return [
            f"{EQUIVALENT.name}: no test misses this any more; take it out: {function}: {change!r}"
            for function, change in self._known
            if (function, change) not in self._met
            and ((function, change) in self._noticed or (function not in paths and not only))
        ]

    def lines(self) -> list[str]:
        """Return a line for each module, and one for all."""
        every = sum(self.counts.values(), Counter[str]())
        return [_line(name, counts) for name, counts in [*self.counts.items(), ("all", every)]]


def _line(name: str, counts: Counter[str]) -> str:
    asked = counts.total() - counts["not asked"] - counts["broken"]
    left = sum(counts[verdict] for verdict in LEFT)
    share = f"{100 * left / asked:.1f} %" if asked else "-"
    said = ", ".join(f"{count} {verdict}" for verdict, count in sorted(counts.items()))
    return f"{name}: {share} of {asked} not noticed ({said})"


def main() -> None:
    """Ask, then print what was not noticed and the tally."""
    parser = argparse.ArgumentParser(prog="build.py mutants", description=__doc__)
    parser.add_argument("--only", default="", metavar="PATH", help="a file or folder of the core")
    parser.add_argument(
        "--minutes", type=float, default=60, help="then it stops and can be resumed (default: 60)"
    )
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1, help="processes at once")
    parser.add_argument("--quiet", action="store_true", help="the tally alone")
    options = parser.parse_args()
    areas = {
        name: area for name, area in AREAS.items() if any(chosen(one, options.only) for one in area.modules())
    }
    if not areas:
        every = ", ".join(pattern for area in AREAS.values() for pattern in area.core)
        parser.error(f"{options.only} is no part of the core: {every}")
    until, tally = time.monotonic() + options.minutes * 60, Tally(equivalents())
    for name, area in areas.items():
        changes = changes_in(ROOT, area.modules())
        if options.minutes > 0:
            ask(name, Verdicts(name, area, changes), options.only, until, options.workers)
        verdicts = Verdicts(name, area, changes)
        for key, change in verdicts.changes.items():
            if chosen(change.path, options.only):
                tally.add(change, verdicts.found.get(key, "not asked"))
    for change in [] if options.quiet else tally.left:
        print(f"\n{change.path}:{change.first} {change.function}\n{change.difference}")
    print("\n" + "\n".join([*tally.stale(options.only), *tally.lines()]))


if __name__ == "__main__":
    main()
