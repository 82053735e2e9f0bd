"""The folders dist/page and dist/analytics.js, made anew or left as they are."""

import hashlib
import json
import shutil
from collections.abc import Iterable
from pathlib import Path

from browser_plugin.freeze.install import tools
from browser_plugin.freeze.order import FULL, QUICK, Level
from browser_plugin.owner_freeze.page import OwnCode
from browser_plugin.page_build.compression import compress
from browser_plugin.page_build.core import freeze_core, order
from browser_plugin.page_build.hashes import short_hash
from browser_plugin.page_build.manifest import manifest
from browser_plugin.page_build.places import ANALYTICS, FREEZES, MODULES, PLUGIN, PYODIDE, ROOT, STOCK
from browser_plugin.page_build.scripts import bundle
from browser_plugin.wheel import VERSION

LEVEL: Level = "tight"
"""The leanest level; it passes every check of the freeze on every build (see freeze/README.md)."""


def inputs() -> Iterable[Path]:
    """Yield every file that decides about what is built."""
    for path in sorted(PLUGIN.rglob("*")):
        if path.is_file() and path.suffix not in (".md", ".pyc") and MODULES not in path.parents:
            yield path
    yield ROOT / "pyproject.toml"
    yield ROOT / "requirements.lock"


def fingerprint() -> str:
    """Return one hash of the inputs."""
    total = hashlib.sha256()
    for path in inputs():
        total.update(path.name.encode() + b"\0" + path.read_bytes())
    return total.hexdigest()


def make(dist: Path, whole: bool = True, own: OwnCode | None = None) -> None:
    """Make both folders anew beside the old ones, then swap them. Raises FreezeError.

    ``own``: an owner's code for the page. Without ``whole`` the frozen module is asked less before it is
    used, and stock Pyodide, which is for development, is not compressed: each takes half a minute.
    """
    part = dist / "part"
    shutil.rmtree(part, ignore_errors=True)
    page = part / "page"
    (page / "pyodide").mkdir(parents=True)
    what = order(LEVEL)
    core = freeze_core(what, page, FULL if whole else QUICK)
    bundle(core, page, own)
    for name in (
        "session-plugin.d.ts",
        "session-plugin.d.mts",
    ):  # TypeScript looks for the latter beside .mjs
        shutil.copy(PLUGIN / "page" / "session-plugin.d.ts", page / name)
    for name in STOCK:
        shutil.copy(PYODIDE / name, page / "pyodide")
    micropip = next(path for path in tools(FREEZES) if path.name.startswith("micropip-"))
    shutil.copy(micropip, page / "pyodide")
    shutil.copy(what.wheel, page)
    wheels = {"micropip": micropip.name, "plugin": f"../{core['wheel']}", "source": f"../{what.wheel.name}"}
    (page / "pyodide" / "wheels.json").write_text(json.dumps(wheels))
    analytics = part / "analytics.js"
    analytics.mkdir()
    for path in sorted(ANALYTICS.glob("*.js")):
        if path.name not in ("index.js", "standalone.js"):
            shutil.copy(path, analytics)
    shutil.copy(ANALYTICS / "standalone.js", analytics / "analytics.min.js")
    shutil.copy(MODULES / "@segment" / "analytics-next" / "LICENSE.MD", analytics / "LICENSE")
    script = page / "session-plugin.js"
    shutil.copy(script, page / f"session-plugin-{VERSION}-{short_hash(script)}.js")
    compress(part, () if whole else (page / "pyodide",))
    (page / "manifest.json").write_text(json.dumps(manifest(page, core), indent=2) + "\n")
    for folder in ("page", "analytics.js"):
        shutil.rmtree(dist / folder, ignore_errors=True)
        (part / folder).rename(dist / folder)
    part.rmdir()
