"""The site that the browser benchmark measures: what is shipped, and every other way beside it."""

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

from browser_plugin.freeze.order import FULL, Level
from browser_plugin.page_build.compression import compress
from browser_plugin.page_build.core import freeze_core, order
from browser_plugin.page_build.places import CACHE, MODULES, PLUGIN, PYODIDE, ROOT
from browser_plugin.policy import as_javascript
from browser_plugin.wheel import RULES

SHIPPED = ROOT / "dist" / "page"
MICROPYTHON = MODULES / "@micropython" / "micropython-webassembly-pyscript"
PAGES = Path(__file__).parent / "pages"
LEVELS: tuple[Level, ...] = ("whole", "lean", "tight")
VARIANTS = ("stock", "snapshot", *LEVELS, "plugin", "micropython", "javascript")


def prepare(variants: tuple[str, ...], say: Callable[[str], None]) -> tuple[Path, dict[str, str]]:
    """Return the site's folder with every file, compressed, and its made-up pages by path."""
    folder = CACHE / "bench" / "site"
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(SHIPPED, folder)
    pages = {"/blank.html": '<!doctype html><link rel="icon" href="data:,">'}
    if "snapshot" in variants:
        say("Pyodide's memory snapshot")
        wheel = next(folder.glob("*-py3-none-any.whl"))
        node = ["node", PAGES / "snapshot.mjs", PYODIDE, wheel, folder / "snapshot.bin"]
        subprocess.run(list(map(str, node)), check=True)
    scripts = dict.fromkeys(variants, "")
    scripts["stock"] = f'window.stock = "/{next(folder.glob("stock-*.js")).name}";'
    # Measured from where the script begins, as the others are: it is here by then.
    scripts["plugin"] = 'await (await fetch("/session-plugin.js")).text();'
    for level in LEVELS:
        if level in variants:
            description = freeze_core(order(level), folder / level, FULL)
            description["wasm"] = f"/{level}/{description['wasm']}"
            scripts[level] = 'import { startFrozen } from "/frozen.js";\n'
            scripts[level] += (
                f"Object.assign(window, {{ startFrozen, description: {json.dumps(description)} }});"
            )
    pages |= {f"/{name}.html": page(name, scripts[name]) for name in variants}
    if "micropython" in variants:
        if not MICROPYTHON.is_dir():
            raise SystemExit(f"bench: {MICROPYTHON.name} is not in {MODULES}; run npm ci in {PLUGIN}")
        shutil.copytree(MICROPYTHON, folder / "micropython")
        pages["/sources.json"] = json.dumps(sources())
    (folder / "policy.js").write_text(as_javascript())
    for name in ("measure.js", "variants.js"):
        shutil.copy(PAGES / name, folder)
    shutil.copy(PLUGIN / "page" / "frozen.js", folder)
    compress(folder)
    return folder, pages


def page(variant: str, script: str) -> str:
    """Return the page that measures one variant; ``script`` is what its own script does before."""
    return f"""<!doctype html><meta charset="utf-8"><link rel="icon" href="data:,">
<title>{variant}</title><script type="module">
import {{ measure }} from "/measure.js";
import {{ {variant} }} from "/variants.js";
{script}
const tell = (told) => (window.measured = told);
measure({variant}).then(tell, (error) => tell({{ error: String(error) }}));
</script>"""


def sources() -> dict[str, str]:
    """Return the files that another Python needs to answer with the same rules."""
    rules = (name for name in RULES if name != "entry")  # which goes by CPython's json
    plugin = {f"/browser_plugin/{name}.py": (PLUGIN / f"{name}.py").read_text() for name in rules}
    return {"/__future__.py": "annotations = None\n", "/browser_plugin/__init__.py": "", **plugin}
