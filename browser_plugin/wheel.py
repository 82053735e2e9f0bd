"""The plugin's wheel: the modules that run in the page."""

import shutil
import tomllib
from pathlib import Path

from browser_plugin.freeze.wheel import as_wheel

HERE = Path(__file__).parent
VERSION = str(tomllib.loads((HERE.parent / "pyproject.toml").read_text())["project"]["version"])
"""The one version: of both wheels, the npm package and what the page says."""
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
