"""Long commands, each behind a progress bar, and the one line that says what is wrong."""

from __future__ import annotations

import itertools
import re
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar, NoReturn

ROOT = Path(__file__).resolve().parents[2]
LOGS = ROOT / "build" / "logs"


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
