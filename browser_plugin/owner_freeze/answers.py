"""What the page's module answers to events, written down for ``forwarder.enrichment`` to compare.

``build.py enrich-check`` runs it: neither of the two packages may import the other.
"""

import argparse
import json
import sys
import tempfile
from itertools import islice
from pathlib import Path

from browser_plugin.freeze.tools import FreezeError
from browser_plugin.owner.source import OwnerCode, OwnerError
from browser_plugin.owner_freeze.asking import asked
from browser_plugin.owner_freeze.calls import LEVELS
from browser_plugin.owner_freeze.events import given, made_up
from browser_plugin.owner_freeze.freeze import frozen_once
from browser_plugin.owner_freeze.page import CACHE, PYODIDE
from browser_plugin.owner_freeze.texts import texts_of

SEED = 3
"""Another than those of the freeze: the page's module has not seen these events."""
OF_FORWARDER = ("receivedAt", "sentAt", "originalTimestamp", "clockOffset")
"""Fields that no page's event has; those of a forwarder's own files do."""


def say(step: str) -> None:
    """Say what is being done."""
    print(f"enrich-check: {step}", file=sys.stderr, flush=True)


def main() -> None:
    """Read the command line, ask, write JSON ``{"path", "texts", "answers"}``."""
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
    add("--out", type=Path, required=True, help="where the answers go")
    options = parser.parse_args()
    try:
        code = OwnerCode.read(options.path)
        events = given(options.events) if options.events else []
        own = [{name: one for name, one in event.items() if name not in OF_FORWARDER} for event in events]
        frozen = frozen_once(code, options.level, own, PYODIDE, CACHE, say)
        texts = texts_of([*own, *islice(made_up(SEED), options.count)])
        say(f"asking the page's module about {len(texts)} events")
        with tempfile.TemporaryDirectory() as folder:
            wasm = (frozen.folder / frozen.description["wasm"]).read_bytes()
            answers = asked(wasm, frozen.description, texts, Path(folder) / "page")
    except (OwnerError, FreezeError, OSError, ValueError) as error:
        say(str(error))
        raise SystemExit(1) from None
    report = {"path": str(options.path.resolve()), "texts": texts, "answers": answers}
    options.out.write_text(json.dumps(report))


if __name__ == "__main__":
    main()
