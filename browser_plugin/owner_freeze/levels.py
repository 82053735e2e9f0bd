"""``build.py enrich-levels PATH...``: freezes an owner's modules at every level, prints what each costs."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from browser_plugin.freeze.tools import FreezeError
from browser_plugin.owner.source import OwnerCode, OwnerError
from browser_plugin.owner_freeze.costs import Cost, costs_of, table
from browser_plugin.owner_freeze.events import given
from browser_plugin.owner_freeze.freeze import frozen_once
from browser_plugin.owner_freeze.page import CACHE, PYODIDE


def main(words: Sequence[str] | None = None) -> None:
    """Freeze each module at every level and print what each costs."""
    parser = argparse.ArgumentParser(prog="build.py enrich-levels", description=__doc__)
    parser.add_argument("paths", type=Path, nargs="+", metavar="PATH", help="your modules or packages")
    parser.add_argument("--events", type=Path, metavar="FILE", help="events of yours, JSON one a line")
    options = parser.parse_args(words)
    rows: list[Cost] = []
    for path in options.paths:

        def say(step: str, path: Path = path) -> None:
            print(f"enrich-levels: {path.name}: {step}", file=sys.stderr, flush=True)

        try:
            code = OwnerCode.read(path)
            events = given(options.events) if options.events else []
            frozen = frozen_once(code, "tight", events, PYODIDE, CACHE, say)
            say("measuring")
            rows += costs_of(path.name, frozen)
        except (OwnerError, FreezeError, OSError, ValueError) as error:
            say(str(error))
            raise SystemExit(1) from None
    print(table(rows))


if __name__ == "__main__":
    main()
