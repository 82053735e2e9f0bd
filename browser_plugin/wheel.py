"""The plugin's wheel, and micropip's, which installs it in pages that run stock Pyodide."""

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from browser_plugin.freeze.wheel import as_wheel

VERSION = "0.1.0"
HERE = Path(__file__).parent
MODULES = ("__init__", "session", "entry", "plugin", "settings")
"""What runs in the page."""


def plugin_wheel(out: Path, say: Callable[[str], None]) -> Path:
    """Return the wheel of the page's modules, made in ``out``; ``say`` hears of each step."""
    say("the plugin's wheel")
    folder = out / "source" / "browser_plugin"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for name in MODULES:
        shutil.copy(HERE / f"{name}.py", folder)
    return as_wheel(folder, out)


def micropip_wheels(out: Path) -> list[Path]:
    """Return the wheels of micropip and of what it needs, from the package index if not in ``out`` yet."""
    kept = out / "micropip"
    if not list(kept.glob("*.whl")):
        options = ["--no-deps", "--only-binary=:all:", "--python-version=3.14", "-q", "-d", str(kept)]
        subprocess.run([sys.executable, "-m", "pip", "download", *options, "micropip==0.11.1"], check=True)
    return sorted(kept.glob("*.whl"))
