"""Asks in one pytest session: it collects once, then a process for each change runs the tests that reach it.

The parent runs no test, so each process begins with the same modules, freshly imported.
"""

import gc
import json
import os
import resource
import shutil
import signal
import tempfile
import time
from collections.abc import Callable, Iterable
from itertools import accumulate
from pathlib import Path
from typing import Any

import coverage
import pytest
from _pytest.runner import runtestprotocol

from tests.mutation.areas import ROOT
from tests.mutation.changes import Change

SURVIVED, KILLED, BROKEN = 0, 1, 2
"""Exit codes of the process that asks about one change; BROKEN: it could not be made."""
_WALL = 12.0
"""A process may take so much longer than its tests took alone: the machine has other work."""
_BUDGET_S = 4.0
"""CPU seconds of tests that are asked about one change, the quickest first: what only slower ones would
notice counts as not noticed, so that ten thousand changes stay affordable."""
_LONGEST_S = 300
"""By the clock. A test that takes longer counts as one that fails unchanged, and is not asked."""
Reach = dict[str, Any]
"""``lines``: module to line to tests; ``seconds``: test to time; ``failing``: tests that fail unchanged."""


class Asking:
    """The plugin: takes pytest's place once everything is collected."""

    def __init__(
        self,
        modules: list[str],
        known: Reach,
        pending: Callable[[Reach], Iterable[Change]],
        heard: Callable[[Change, str], None],
        note: Callable[[Reach], None],
        until: float,
        workers: int,
    ) -> None:
        """``known``: which tests reach which lines so far; ``pending``: what to ask about, given that."""
        self._modules, self._known, self._pending = modules, known, pending
        self._heard, self._note, self._until, self._workers = heard, note, until, workers
        self._running: dict[int, tuple[Change, float]] = {}
        self._folder = Path(tempfile.mkdtemp(prefix="mutants-"))

    def pytest_collection(self) -> None:
        """Have hypothesis stop at the first failure, and not look for a smaller one."""
        from hypothesis import Phase, settings  # imported before pytest, it would not be rewritten

        phases = (Phase.explicit, Phase.generate)
        settings.register_profile("mutants", settings.get_profile("project"), phases=phases, database=None)
        settings.load_profile("mutants")

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """Record what is not known yet, then ask."""
        items = {item.nodeid: item for item in session.items if not item.get_closest_marker("xfail")}
        gc.collect()
        gc.freeze()  # or the first collection in each process copies every page
        fresh = [item for name, item in items.items() if name not in self._known["seconds"]]
        if fresh:
            self._note(self._record(fresh))
        for change in self._pending(self._known):
            tests = self._tests(change, items)
            if not tests:
                self._heard(change, "no tests")
                continue
            if time.monotonic() > self._until:
                break
            while len(self._running) >= self._workers:
                self._reap()
            self._start(change, tests)
        while self._running:
            self._reap()
        shutil.rmtree(self._folder, ignore_errors=True)
        return True

    def _write_below(self, name: str) -> None:
        """Have this process' tests write below a folder of its own, which the parent removes.

        A spool's file keeps 8 MB free for itself: those of a few thousand processes would fill any disk. What
        changed code writes by a name without a folder lies there, too, and not in the tree.
        """
        folder = self._folder / name
        folder.mkdir()
        os.environ["PYTEST_DEBUG_TEMPROOT"] = str(folder)
        os.chdir(folder)

    def _tests(self, change: Change, items: dict[str, pytest.Item]) -> list[pytest.Item]:
        lines, seconds = self._known["lines"].get(change.path, {}), self._known["seconds"]
        names = {name for line in range(change.first, change.last + 1) for name in lines.get(str(line), ())}
        names -= set(self._known["failing"])
        quickest = [name for name in sorted(names, key=seconds.__getitem__) if name in items]
        sums = accumulate(seconds[name] for name in quickest)
        return [items[name] for name, total in zip(quickest, sums, strict=True) if total <= _BUDGET_S]

    def _record(self, items: list[pytest.Item]) -> Reach:
        """Run tests unchanged, in a process of its own, and note what each reaches."""
        parts, pipe = os.pipe()
        child = os.fork()
        if not child:
            os.close(parts)
            self._write_below("record")
            with os.fdopen(pipe, "w") as out:
                json.dump(_record(items, self._modules), out)
            os._exit(0)
        os.close(pipe)
        with os.fdopen(parts) as told:
            text = told.read()
        os.waitpid(child, 0)
        shutil.rmtree(self._folder / "record", ignore_errors=True)
        return json.loads(text)  # type: ignore[no-any-return]

    def _start(self, change: Change, tests: list[pytest.Item]) -> None:
        alone = sum(self._known["seconds"][item.nodeid] for item in tests)
        child = os.fork()
        if child:
            self._running[child] = change, time.monotonic() + 20 + _WALL * alone
            return
        os.setsid()
        limit = int(10 + 4 * alone)
        resource.setrlimit(resource.RLIMIT_CPU, (limit, limit))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        code = BROKEN
        try:
            self._write_below(str(os.getpid()))
            change.apply()
            code = KILLED
            if all(_passes(item, after) for item, after in _pairs(tests)):
                code = SURVIVED
        finally:
            os._exit(code)

    def _reap(self) -> None:
        child, status = os.waitpid(-1, os.WNOHANG)
        if child in self._running:
            change, _ = self._running.pop(child)
            code = os.waitstatus_to_exitcode(status)
            said = {SURVIVED: "survived", BROKEN: "broken"}.get(
                code, "killed" if code > 0 else "killed (time)"
            )
            self._heard(change, said)
            _end(child)
            shutil.rmtree(self._folder / str(child), ignore_errors=True)
            return
        now = time.monotonic()
        for late in [one for one, (_, end) in self._running.items() if now > end]:
            _end(late)
        time.sleep(0.005)


def _end(group: int) -> None:
    """End a process and all that it started."""
    try:
        os.killpg(group, signal.SIGKILL)
    except ProcessLookupError:
        return


def _pairs(items: list[pytest.Item]) -> Iterable[tuple[pytest.Item, pytest.Item | None]]:
    return zip(items, [*items[1:], None], strict=True)


def _passes(item: pytest.Item, after: pytest.Item | None) -> bool:
    """Run one test; what both it and the next one need stays."""
    return not any(report.failed for report in runtestprotocol(item, log=False, nextitem=after))


def _record(items: list[pytest.Item], modules: list[str]) -> Reach:
    data = coverage.Coverage(data_file=None, config_file=False, include=[str(ROOT / one) for one in modules])
    data.set_option("run:disable_warnings", ["no-data-collected"])  # new tests may reach nothing of it
    seconds, failing = {}, []
    signal.signal(signal.SIGALRM, _too_long)
    data.start()
    for item, after in _pairs(items):
        data.switch_context(item.nodeid)
        begun = time.process_time()
        signal.alarm(_LONGEST_S)
        if not _passes(item, after):
            failing.append(item.nodeid)
        seconds[item.nodeid] = time.process_time() - begun  # the machine may have other work
    signal.alarm(0)
    data.stop()
    found = data.get_data()
    lines = {
        one: {
            str(line): sorted(filter(None, names))
            for line, names in found.contexts_by_lineno(str(ROOT / one)).items()
        }
        for one in modules
    }
    return {"lines": lines, "seconds": seconds, "failing": failing}


def _too_long(*_: object) -> None:
    raise TimeoutError("it takes too long to be asked about every change")
