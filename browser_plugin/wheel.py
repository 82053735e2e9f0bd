"""The plugin's wheel: the modules that run in the page."""

import shutil
from pathlib import Path

from browser_plugin.freeze.wheel import as_wheel

VERSION = "0.1.0"
HERE = Path(__file__).parent
MODULES = ("__init__", "destinations", "session", "rules", "entry", "plugin", "settings")
"""What runs in the page."""


def plugin_wheel(out: Path) -> Path:
    """Return the wheel of the page's modules, made in ``out``."""
    folder = out / "source" / "browser_plugin"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for name in MODULES:
        shutil.copy(HERE / f"{name}.py", folder)
    return as_wheel(folder, out, VERSION)
