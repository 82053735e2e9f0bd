"""Freeze a Python function into one WebAssembly module.

Starts the CPython of Pyodide at build time, imports the function from a wheel, warms it, and writes one
.wasm that contains the interpreter with the function ready to be called: nothing to load, nothing to start.
The module is checked (100,000 calls that no profile saw, none answered otherwise than this Python does, the
same with everything that was left out poisoned, 200,000 calls without memory growth, inputs outside the
profile) before it is written, and is made once for the same inputs.
"""

import argparse
import sys
from pathlib import Path

from browser_plugin.freeze.cache import frozen_once, publish
from browser_plugin.freeze.order import Order
from browser_plugin.freeze.pipeline import STEPS
from browser_plugin.freeze.tools import FreezeError
from browser_plugin.freeze.wheel import as_wheel

PLUGIN = Path(__file__).parents[1]
LEVELS = """levels:
  whole  all code and all data kept: about 3 MB compressed
  lean   basic blocks that no profiled run came to trap; static data that none read is left out
  tight  finer, and the heap as well: 8 bytes that no profiled run read are left out together
"""


def main() -> None:
    """Read the command line, freeze, write the files."""
    parser = argparse.ArgumentParser(
        prog="python -m browser_plugin.freeze",
        description=__doc__,
        epilog=LEVELS,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add(
        "--wheel",
        type=Path,
        required=True,
        help="a pure-Python wheel, or a package's folder, that holds the function",
    )
    add("--entry", required=True, metavar="MODULE:FUNCTION", help="the function: one text in, one text out")
    add(
        "--workload",
        required=True,
        metavar="MODULE",
        help="a module with texts() and generated(count): calls that exercise it",
    )
    add(
        "--pyodide",
        type=Path,
        default=PLUGIN / "node_modules" / "pyodide",
        help="Pyodide's npm package; binaryen's beside it",
    )
    add(
        "--level",
        choices=["whole", "lean", "tight"],
        default="tight",
        help="how much is left out (default: tight)",
    )
    add("--out", type=Path, required=True, help="where core-HASH.wasm, .wasm.br, .wasm.gz and core.json go")
    add(
        "--cache",
        type=Path,
        default=PLUGIN.parent / "build" / "freeze",
        help="where finished modules are kept by content",
    )
    options = parser.parse_args()
    steps = 0

    def say(step: str) -> None:
        nonlocal steps
        steps += 1
        print(f"freeze: {steps}/{STEPS[options.level]} {step}", file=sys.stderr, flush=True)

    try:
        wheel = as_wheel(options.wheel, options.cache)
        order = Order(wheel, options.entry, options.workload, options.pyodide, options.level)
        print(publish(frozen_once(order, options.cache, say), options.out))
    except FreezeError as error:
        print(f"freeze: {error}", file=sys.stderr)
        raise SystemExit(1) from None


if __name__ == "__main__":
    main()
