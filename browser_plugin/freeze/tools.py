"""The programs a freeze runs: Node with our scripts, binaryen's wasm-opt, the host's Python."""

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

HERE = Path(__file__).parent
FEATURES = (
    *("bulk-memory", "reference-types", "exception-handling", "nontrapping-float-to-int", "sign-ext"),
    *("mutable-globals", "multivalue", "simd"),
)
"""What Pyodide's module uses; named because wasm-opt would guess too little from the module itself."""
LINE = 300
"""Characters of an error's line that are shown: a minified file's line would be megabytes."""
ASK_HOST = """
import importlib, json, sys
wheel, module, function = sys.argv[1:]
sys.path.insert(0, wheel)
entry = getattr(importlib.import_module(module), function)
json.dump([entry(text) for text in json.load(sys.stdin)], sys.stdout)
"""


class FreezeError(Exception):
    """A freeze could not be made; the message says at which step, why, and what can be done."""


def run(command: Sequence[str | Path], *, text: str | None = None) -> str:
    """Run a program and return what it printed; raises FreezeError with the end of what it said."""
    words = [str(word) for word in command]
    done = subprocess.run(words, input=text, capture_output=True, text=True, check=False)
    if done.returncode:
        lines = [line[:LINE] for line in (done.stderr + done.stdout).splitlines()]
        raise FreezeError(f"{' '.join(words[:3])} failed:\n" + "\n".join(lines[-12:]))
    return done.stdout


def node(script: str, order: dict[str, object], folder: Path) -> None:
    """Run one of our scripts under Node with its order, a JSON file."""
    path = folder / f"{Path(script).stem}.order.json"
    path.write_text(json.dumps(order))
    run(["node", "--stack-size=2000", HERE / script, path])


def wasm_opt(modules: Path, source: Path, target: Path, *passes: str) -> None:
    """Run binaryen's wasm-opt from ``modules`` (a node_modules folder)."""
    enable = [f"--enable-{feature}" for feature in FEATURES]
    program = modules / "binaryen" / "bin" / "wasm-opt"
    if not program.exists():
        raise FreezeError(f"binaryen is not in {modules}; run npm ci there")
    run(["node", program, *enable, *passes, source, "-o", target])


def host_answers(wheel: Path, module: str, function: str, texts: Sequence[str]) -> list[str]:
    """Return what the entry function of a wheel answers to texts in this Python, in a process of its own."""
    said = run(
        [sys.executable, "-I", "-c", ASK_HOST, wheel.resolve(), module, function],
        text=json.dumps([as_utf8(text) for text in texts]),
    )
    answers: list[str] = json.loads(said)
    return answers


def as_utf8(text: str) -> str:
    """Return the text as it goes through UTF-8: a half character becomes U+FFFD, as in a browser."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
