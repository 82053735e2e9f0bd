"""The language-core margin: runs inside the profiled module, so that what it uses is kept.

The workload shows what the entry function does. This shows what Python does around any function: the paths
that a text nobody thought of may lead into. Results do not matter, only that the paths run. ``source``
joins the files here, which are one program: nothing may be imported in a frozen module.
"""

from pathlib import Path

PARTS = {
    "values": ["singletons"],
    "attempts": [],
    "operators": ["operators", "numbers", "in_place"],
    "methods": ["methods", "codecs", "templates", "growth"],
    "language": ["classes", "closures", "generators", "flow", "loops"],
    "errors": ["errors"],
}
"""Each file, in order, and the functions of it that are to be called."""
ROUNDS = 2
"""How often: the interpreter specialises what runs often."""


def source() -> str:
    """Return Python source that defines ``margin()``."""
    files = [(Path(__file__).parent / f"{name}.py").read_text() for name in PARTS]
    names = ", ".join(name for names in PARTS.values() for name in names)
    called = f"def margin():\n    return str([len(part()) for _ in range({ROUNDS}) for part in ({names})])\n"
    return "\n\n".join([*files, called])
