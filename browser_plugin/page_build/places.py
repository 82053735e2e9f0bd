"""Where what is built lies, and what it is built of."""

from pathlib import Path

PLUGIN = Path(__file__).parents[1]
ROOT = PLUGIN.parent
MODULES = PLUGIN / "node_modules"
PYODIDE = MODULES / "pyodide"
ANALYTICS = MODULES / "@segment" / "analytics-next" / "dist" / "umd"
CACHE = ROOT / "build"
FREEZES = CACHE / "freeze"
STOCK = ("pyodide.mjs", "pyodide.asm.mjs", "pyodide.asm.wasm", "python_stdlib.zip", "pyodide-lock.json")
"""Pyodide's own files: for development, 15 MB."""
