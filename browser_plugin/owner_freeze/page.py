"""An owner's code as a build of the page's files has it: the options, and the constants for the page."""

import argparse
import json
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from browser_plugin.minimal import KEPT
from browser_plugin.owner.source import OwnerCode, OwnerError
from browser_plugin.owner_freeze.calls import LEVELS, Level
from browser_plugin.owner_freeze.costs import costs_of, table
from browser_plugin.owner_freeze.events import given
from browser_plugin.owner_freeze.freeze import Frozen, frozen_once

WAIT_MS = 10_000
"""How long an event waits for the owner's Python where it is required: a slow line's time for it."""
PACKAGE = Path(__file__).parents[1]
PYODIDE = PACKAGE / "node_modules" / "pyodide"
CACHE = PACKAGE.parent / "build" / "freeze"


@dataclass(frozen=True, slots=True)
class OwnCode:
    """An owner's code, how it is frozen, and what becomes of events in a page that has not got it."""

    code: OwnerCode
    level: Level = "code"
    required: bool = False
    minimal: tuple[str, ...] = ()
    wait_ms: int = WAIT_MS
    events: tuple[dict[str, Any], ...] = ()
    """Events of the owner's own, for the profile and the check."""

    def key(self) -> str:
        """Return a text that is another where anything of this is."""
        events = json.dumps(self.events)
        return f"{self.code.version}{self.level}{self.required}{self.minimal}{self.wait_ms}{hash_of(events)}"

    def frozen(self) -> Frozen:
        """Freeze the code; what is known is not made again. Raises FreezeError."""

        def say(step: str) -> None:
            print(f"build: freezing {self.code.path.name}: {step}", file=sys.stderr, flush=True)

        return frozen_once(self.code, self.level, self.events, PYODIDE, CACHE, say)

    def costs(self) -> str:
        """Return what the levels up to this one cost, as a table. Raises FreezeError."""
        return table(costs_of(self.code.path.name, self.frozen()))

    def as_constants(self, page: Path) -> dict[str, object]:
        """Freeze the code, put the modules into ``page``; return what the page's scripts have to know."""
        frozen = self.frozen()
        frozen.gate(self.level)
        about = frozen.description
        for name in {about["wasm"], about["whole"]}:
            for path in frozen.folder.glob(f"{name}*"):  # compressed as well, where the costs were asked for
                shutil.copyfile(path, page / path.name)
        module = {
            "wasm": about["wasm"],
            "whole": about["whole"],
            "description": {name: about[name] for name in ("entry", "buffer", "capacity")},
            "version": self.code.version,
        }
        minimal = [*KEPT, *self.minimal] if self.minimal else []
        return {"ENRICHMENT": module, "HOLDING": {"minimal": minimal, "wait": self.wait_ms}}


def hash_of(text: str) -> str:
    """Return a short digest."""
    import hashlib

    return hashlib.sha256(text.encode()).hexdigest()[:12]


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options for an owner's code."""
    add = parser.add_argument
    add("--enrich", type=Path, metavar="PATH", help="your own module or package with enrich(event, page)")
    add(
        "--level",
        choices=LEVELS,
        default="code",
        help="code: what never ran is left out, and comes if needed; tight: data as well, if none is wrong",
    )
    add(
        "--events", type=Path, metavar="FILE", help="events of yours, JSON one a line, which it is tried with"
    )
    add("--required", action="store_true", help="nothing leaves the page that it has not seen")
    add(
        "--minimal",
        default="",
        metavar="FIELDS",
        help="fields, separated by commas, of an event that it could not see",
    )


def own_code(parser: argparse.ArgumentParser, options: argparse.Namespace) -> OwnCode | None:
    """Return the code that the options name, None for none; ends the program where it cannot be used."""
    if options.enrich is None:
        return None
    minimal = tuple(filter(None, options.minimal.split(",")))
    if minimal and not options.required:
        parser.error("--minimal is for what is --required")
    try:
        events = tuple(given(options.events)) if options.events else ()
        return OwnCode(
            OwnerCode.read(options.enrich), options.level, options.required, minimal, WAIT_MS, events
        )
    except OwnerError as error:
        for problem in error.problems:
            print(f"build: {problem}", file=sys.stderr)
    except (OSError, ValueError) as error:
        print(f"build: --events: {error}", file=sys.stderr)
    raise SystemExit(1)
