"""The rules on the same events in four places: this Python, the frozen module, stock Pyodide, JavaScript.

``python3 build.py agree`` asks about 100,000; a test asks fewer, and leaves out stock Pyodide, which is slow.
"""

import argparse
import json
import subprocess
import tempfile
from itertools import islice
from pathlib import Path
from random import Random
from typing import Any

from browser_plugin.entry import FAULT, handle
from browser_plugin.freeze.workload import questions, written
from browser_plugin.page_build.places import PLUGIN, PYODIDE, ROOT
from browser_plugin.policy import as_javascript

BUILT = ROOT / "dist" / "page"
SEED = 17
"""Another than the workload's: no freeze has seen these events."""
COUNT = 100_000


def agreement(count: int, folder: Path, stock: bool) -> dict[str, Any]:
    """Return what tests/agreement.mjs counts for so many events; ``folder``: for files in between."""
    texts = list(map(written, islice(questions(Random(SEED)), count)))
    calls, rules, order = folder / "calls.json", folder / "rules.mjs", folder / "order.json"
    calls.write_text(json.dumps([(text, handle(text)) for text in texts]))
    rules.write_text(as_javascript())
    [wheel] = BUILT.glob("*-py3-none-any.whl")
    asked = {
        "host": (PLUGIN / "page" / "frozen.js").as_uri(),
        "rules": rules.as_uri(),
        "page": str(BUILT),
        "calls": str(calls),
        "fault": FAULT,
        "stock": {"module": (PYODIDE / "pyodide.mjs").as_uri(), "wheel": str(wheel)} if stock else None,
    }
    order.write_text(json.dumps(asked))
    program = Path(__file__).with_suffix(".mjs")
    done = subprocess.run(["node", program, order], capture_output=True, text=True, check=True)
    said: dict[str, Any] = json.loads(done.stdout)
    return said


def main() -> None:
    """Ask, print what was counted; end with 1 where one answers otherwise."""
    parser = argparse.ArgumentParser(prog="build.py agree", description=__doc__)
    parser.add_argument("--count", type=int, default=COUNT, help=f"made-up events (default: {COUNT})")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="agree-") as name:
        said = agreement(options.count, Path(name), stock=True)
    for who, text, other, right in said["different"]:
        print(f"{who} answers {other}, this Python {right}, asked {text}")
    asked = f"frozen module ({said['trapped']} traps), stock Pyodide ({said['stock']:,})"
    rules = f"compiled rules ({said['compared']:,}; the others are faults)"
    end = "they differ" if said["different"] else "the same answers"
    print(f"{said['calls']:,} events, {asked} and {rules} against this Python: {end}")
    raise SystemExit(bool(said["different"]))


if __name__ == "__main__":
    main()
