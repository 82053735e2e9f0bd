"""The site that the browser benchmark measures: every variant's files, compressed as a good server would."""

import hashlib
import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import brotli  # type: ignore[import-untyped,unused-ignore]

from browser_plugin.freeze.cache import frozen_once, publish
from browser_plugin.freeze.pipeline import Level
from browser_plugin.policy import as_javascript
from tests.browser.wheel import CACHE, PLUGIN, ROOT, order, plugin_wheel

MODULES = PLUGIN / "node_modules"
PYODIDE = MODULES / "pyodide"
MICROPYTHON = MODULES / "@micropython" / "micropython-webassembly-pyscript"
KEPT = ROOT / "build" / "bench"
PAGES = Path(__file__).parent / "pages"
MICROPIP = "micropip==0.11.1"
STOCK_FILES = ("pyodide.mjs", "pyodide.asm.mjs", "pyodide.asm.wasm", "python_stdlib.zip", "pyodide-lock.json")
LEVELS: tuple[Level, ...] = ("whole", "lean", "tight")
VARIANTS = ("stock", "snapshot", *LEVELS, "micropython", "javascript")
SMALLEST = 1000
"""Bytes below which compressing a file is not worth it."""


def prepare(variants: tuple[str, ...], say: Callable[[str], None]) -> tuple[Path, dict[str, str]]:
    """Return the site's folder with every file, and its made-up pages by path."""
    folder = KEPT / "site"
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "pyodide").mkdir(parents=True)
    for name in STOCK_FILES:
        shutil.copy(PYODIDE / name, folder / "pyodide")
    wheel = Path(shutil.copy(plugin_wheel(), folder))
    pages = {"/blank.html": "<!doctype html>"}
    if "stock" in variants:
        pages["/wheels.json"] = json.dumps(
            {"micropip": f"/{micropip(folder).name}", "wheel": f"/{wheel.name}"}
        )
    if "snapshot" in variants:
        say("Pyodide's memory snapshot")
        node = ["node", PAGES / "snapshot.mjs", PYODIDE, wheel, folder / "snapshot.bin"]
        subprocess.run(list(map(str, node)), check=True)
    scripts = dict.fromkeys(variants, "")
    for level in LEVELS:
        if level in variants:
            publish(frozen_once(order(level), CACHE, say), folder / level)
            description = json.loads((folder / level / "core.json").read_text())
            description["wasm"] = f"/{level}/{description['wasm']}"
            scripts[level] = 'import { startFrozen } from "/frozen.js";\n'
            scripts[level] += (
                f"Object.assign(window, {{ startFrozen, description: {json.dumps(description)} }});"
            )
    pages |= {f"/{name}.html": page(name, script) for name, script in scripts.items()}
    if "micropython" in variants:
        if not MICROPYTHON.is_dir():
            raise SystemExit(f"bench: {MICROPYTHON.name} is not in {MODULES}; run npm ci in {PLUGIN}")
        shutil.copytree(MICROPYTHON, folder / "micropython")
        pages["/sources.json"] = json.dumps(sources())
    (folder / "policy.js").write_text(as_javascript())
    for name in ("measure.js", "variants.js"):
        shutil.copy(PAGES / name, folder)
    shutil.copy(PLUGIN / "page" / "frozen.js", folder)
    say("compressing")
    compress(folder)
    return folder, pages


def page(variant: str, script: str) -> str:
    """Return the page that measures one variant; ``script`` is what its own script does before."""
    return f"""<!doctype html><meta charset="utf-8"><title>{variant}</title><script type="module">
import {{ measure }} from "/measure.js";
import {{ {variant} }} from "/variants.js";
{script}
const tell = (told) => (window.measured = told);
measure({variant}).then(tell, (error) => tell({{ error: String(error) }}));
</script>"""


def micropip(folder: Path) -> Path:
    """Return micropip's wheel, from the package index if it is not here yet."""
    kept = KEPT / "wheels"
    if not list(kept.glob("micropip-*.whl")):
        options = ["--no-deps", "--only-binary=:all:", "--python-version=3.14", "-q", "-d", str(kept)]
        subprocess.run([sys.executable, "-m", "pip", "download", *options, MICROPIP], check=True)
    return Path(shutil.copy(next(kept.glob("micropip-*.whl")), folder))


def sources() -> dict[str, str]:
    """Return the files that another Python needs to answer with the same source."""
    plugin = {
        f"/browser_plugin/{name}.py": (PLUGIN / f"{name}.py").read_text() for name in ("session", "entry")
    }
    return {"/__future__.py": "annotations = None\n", "/browser_plugin/__init__.py": "", **plugin}


def compress(folder: Path) -> None:
    """Put a brotli file beside every file that has none, each content compressed once and kept."""
    kept = KEPT / "brotli"
    kept.mkdir(exist_ok=True)
    worth = [
        path
        for path in sorted(folder.rglob("*.*"))
        if path.is_file() and path.suffix not in (".br", ".gz", ".whl") and path.stat().st_size > SMALLEST
    ]
    jobs = [
        (path, kept / hashlib.sha256(path.read_bytes()).hexdigest()[:20])
        for path in worth
        if not Path(f"{path}.br").exists()
    ]
    with ProcessPoolExecutor(2) as pool:
        list(pool.map(compressed, [(source, target) for source, target in jobs if not target.exists()]))
    for path, target in jobs:
        shutil.copy(target, f"{path}.br")


def compressed(job: tuple[Path, Path]) -> None:
    """Compress one file as hard as can be."""
    source, target = job
    part = target.with_suffix(".part")
    part.write_bytes(brotli.compress(source.read_bytes(), quality=11, lgwin=24))
    part.replace(target)
