"""The programs a freeze runs: Node with our scripts, binaryen's wasm-opt, the host's Python."""

import json
import os
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
MOST_ANSWERED = 200_000_000
"""Characters of all answers together: they are compared in memory, and Node reads no text above 512 MB."""
FAILURE = "freeze: "
"""How a line begins in which a program of ours says what is wrong; nothing else of it is shown then."""
ASK_HOST = """
import importlib, json, sys
wheel, module, function, longest, room = sys.argv[1:]
room = int(room)
sys.path.insert(0, wheel)
def described(error):
    return f"{type(error).__name__}: {error}"
try:
    entry = getattr(importlib.import_module(module), function)
except Exception as error:
    sys.exit(f"freeze: this Python finds no {module}:{function} in the wheel: {described(error)}")
def asked(text):
    try:
        answer = entry(text)
    except Exception as error:
        return {"raised": described(error)}
    if not isinstance(answer, str):
        return {"raised": f"no text, but {answer!r:.40}"}
    if len(answer) > int(longest):
        return {"raised": f"an answer longer than {longest} bytes"}
    global room
    room -= len(answer)
    if room < 0:
        sys.exit("freeze: all answers to the workload are too long together; generate what has shorter ones")
    return {"answer": answer}
json.dump([asked(text) for text in json.load(sys.stdin)], sys.stdout)
"""


class FreezeError(Exception):
    """A freeze could not be made; the message says at which step, why, and what can be done."""


def run(command: Sequence[str | Path], *, text: str | None = None) -> str:
    """Run a program and return what it printed.

    Raises FreezeError with the line in which it says what is wrong, or else with the end of what it said.
    """
    words = [str(word) for word in command]
    surroundings = {**os.environ, "TZ": "UTC"}  # archives hold local times
    done = subprocess.run(words, input=text, capture_output=True, text=True, env=surroundings, check=False)
    if done.returncode:
        lines = [line[:LINE] for line in (done.stderr + done.stdout).splitlines()]
        for line in lines:
            if line.startswith(FAILURE):
                raise FreezeError(line.removeprefix(FAILURE))
        raise FreezeError(f"{' '.join(words[:3])} failed:\n" + "\n".join(lines[-12:]))
    return done.stdout


def node(script: str, order: dict[str, object], folder: Path) -> None:
    """Run one of our scripts under Node with its order, a JSON file."""
    path = folder / f"{Path(script).stem}.order.json"
    path.write_text(json.dumps(order))
    run(["node", "--stack-size=2000", "--expose-gc", HERE / script, path])


def wasm_opt(modules: Path, source: Path, target: Path, *passes: str) -> None:
    """Run binaryen's wasm-opt from ``modules`` (a node_modules folder)."""
    enable = [f"--enable-{feature}" for feature in FEATURES]
    run(["node", modules / "binaryen" / "bin" / "wasm-opt", *enable, *passes, source, "-o", target])


def host_answers(
    wheel: Path, module: str, function: str, texts: Sequence[str], longest: int, most: int = MOST_ANSWERED
) -> list[dict[str, str]]:
    """Return what the entry function of a wheel says to texts in this Python, in a process of its own.

    For each text ``{"answer": text}``, or ``{"raised": why}`` where it gave none, or one of more than
    ``longest`` characters. Raises FreezeError where all answers together have more than ``most``.
    """
    said = run(
        [sys.executable, "-I", "-c", ASK_HOST, wheel.resolve(), module, function, str(longest), str(most)],
        text=json.dumps([as_utf8(text) for text in texts]),
    )
    answers: list[dict[str, str]] = json.loads(said)
    return answers


def as_utf8(text: str) -> str:
    """Return the text as it goes through UTF-8: a half character becomes U+FFFD, as in a browser."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
