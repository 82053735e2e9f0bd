"""``build.py enrich-check``: the owner's code in page, forwarder and this Python, on the same events.

Prints the first difference and ends with 1, or says how many events they agree on.
"""

import argparse
import json
import sys
import tempfile
from itertools import islice
from pathlib import Path
from typing import Any

from browser_plugin.freeze.tools import FreezeError
from browser_plugin.owner.events import given, made_up
from browser_plugin.owner.freeze import LEVELS, asked, frozen_once, texts_of
from browser_plugin.owner.page import CACHE, PYODIDE
from browser_plugin.owner.source import OwnerCode, OwnerError
from forwarder.enrichment.code import Enrichment
from forwarder.enrichment.comparison import differences
from forwarder.enrichment.event import OF_FORWARDER

SEED = 3
"""Another than those of the freeze: the page's module has not seen these events."""


def say(step: str) -> None:
    """Tell what is being done."""
    print(f"enrich-check: {step}", file=sys.stderr, flush=True)


def _as_sent(event: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in event.items() if name not in OF_FORWARDER}


def main() -> None:
    """Read the command line, ask, compare."""
    parser = argparse.ArgumentParser(prog="build.py enrich-check", description=__doc__)
    add = parser.add_argument
    add("path", type=Path, help="your module or package with enrich(event, page)")
    add(
        "--events",
        type=Path,
        metavar="FILE",
        help="events of yours, JSON one a line, before the made-up ones",
    )
    add("--count", type=int, default=5_000, help="made-up events (default: 5000)")
    add("--level", choices=LEVELS, default="code", help="of the page's module, as in build --enrich")
    options = parser.parse_args()
    try:
        code = OwnerCode.read(options.path)
        one = Enrichment(code.version, code.load())
        own = [_as_sent(event) for event in given(options.events)] if options.events else []
        frozen = frozen_once(code, options.level, own, PYODIDE, CACHE, say)
        texts = texts_of([*own, *islice(made_up(SEED), options.count)])
        say(f"asking the page's module about {len(texts)} events")
        with tempfile.TemporaryDirectory() as folder:
            wasm = (frozen.folder / frozen.description["wasm"]).read_bytes()
            page = asked(wasm, frozen.description, texts, Path(folder) / "page")
    except (OwnerError, FreezeError, OSError, ValueError) as error:
        say(str(error))
        raise SystemExit(1) from None
    for number, place, change in differences(one, texts, page):
        print(f"event {number + 1}, {place} against this Python, {change['path'] or 'as a whole'}:")
        print(f"  here:  {json.dumps(change.get('before'))}\n  there: {json.dumps(change.get('after'))}")
        print(f"  event: {texts[number]}")
        raise SystemExit(1)
    traps = page.count(None)
    print(
        f"page, forwarder and this Python agree on {len(texts)} events; {traps} trapped in the page's module"
    )


if __name__ == "__main__":
    main()
