"""The plugin's wheel: the modules that run in the page."""

import shutil
import tomllib
from pathlib import Path

from browser_plugin.freeze.wheel import as_wheel

HERE = Path(__file__).parent
VERSION = str(tomllib.loads((HERE.parent / "pyproject.toml").read_text())["project"]["version"])
"""The one version: of both wheels, the npm package and what the page says."""
RULES = ("destinations", "session", "json_values", "stores", "session_events", "rules", "entry")
"""What the frozen module runs, in the order of their imports."""
MODULES = ("__init__", *RULES, "plugin", "settings")
"""What runs in the page: on stock Pyodide pages may import the others as well."""


def plugin_wheel(out: Path) -> Path:
    """Return the wheel of the page's modules, made in ``out``."""
    folder = out / "source" / "browser_plugin"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for name in MODULES:
        shutil.copy(HERE / f"{name}.py", folder)
    return as_wheel(folder, out, VERSION)
