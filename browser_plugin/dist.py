"""Makes everything a page loads: ``python -m browser_plugin.dist`` fills dist/page and dist/analytics.js.

``freeze/`` compiles and installs the plugin's wheel with the tools of the interpreter that will run it, and
freezes it; esbuild joins the page's script from ``page/``. What has not changed is not made again.
"""

import argparse
import base64
import gzip
import hashlib
import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import brotli  # type: ignore[import-untyped,unused-ignore]

from browser_plugin.freeze.cache import frozen_once, publish
from browser_plugin.freeze.install import tools
from browser_plugin.freeze.order import FULL, QUICK, Depth, Level, Order
from browser_plugin.freeze.pipeline import STEPS
from browser_plugin.freeze.tools import FreezeError
from browser_plugin.owner_freeze.page import OwnCode, add_options, own_code
from browser_plugin.policy import as_javascript
from browser_plugin.settings import TABLE
from browser_plugin.wheel import VERSION, plugin_wheel

PLUGIN = Path(__file__).parent
ROOT = PLUGIN.parent
MODULES = PLUGIN / "node_modules"
PYODIDE = MODULES / "pyodide"
ANALYTICS = MODULES / "@segment" / "analytics-next" / "dist" / "umd"
CACHE = ROOT / "build"
FREEZES = CACHE / "freeze"
LEVEL: Level = "tight"
"""The leanest level; it passes every check of the freeze on every build (see freeze/README.md)."""
STOCK = ("pyodide.mjs", "pyodide.asm.mjs", "pyodide.asm.wasm", "python_stdlib.zip", "pyodide-lock.json")
SQUEEZERS: dict[str, Callable[[bytes], bytes]] = {
    "br": lambda data: brotli.compress(data, quality=11, lgwin=24),
    "gz": lambda data: gzip.compress(data, 9, mtime=0),
}
OLDEST = 2015
"""The edition of JavaScript that the script tag is written in: TV sets and old web views know no later."""
LARGEST = 5_120
"""Bytes of brotli that the script tag's file may take: the page's own scripts wait for it."""
LARGEST_HOLDING = 5_632
"""The same where it also has to hold events back until the owner's Python is up."""
SMALLEST = 1_000
"""Bytes below which a compressed file is not worth a request's headers."""


def say(step: str) -> None:
    """Tell what is being done."""
    print(f"build: {step}", file=sys.stderr, flush=True)


def order(level: Level) -> Order:
    """Return the order to freeze the plugin at one level."""
    wheel = plugin_wheel(CACHE / "wheel")
    return Order(wheel, "browser_plugin.entry:handle", "browser_plugin.freeze.workload", PYODIDE, level)


def freeze_core(what: Order, out: Path, depth: Depth) -> dict[str, object]:
    """Write the frozen module and the wheel it was made of into ``out``; return its description.

    ``depth``: how much is asked of it first.
    """
    done = 0

    def progress(step: str) -> None:
        nonlocal done
        done += 1
        say(f"freezing Python, {done} of {STEPS[what.level]}: {step}")

    path = publish(frozen_once(what, FREEZES, progress, depth), out)
    description: dict[str, object] = json.loads(path.read_text())
    return description


def built(page: Path, values: dict[str, object]) -> Path:
    """Write the JavaScript module ``built``: what page/ takes from Python (page/built.d.ts)."""
    lines = [f"export const {name} = {json.dumps(value)};\n" for name, value in values.items()]
    page.parent.mkdir(parents=True, exist_ok=True)
    page.write_text(as_javascript() + "".join(lines))
    return page


def join(source: str, module: Path, out: Path, target: str, own: OwnCode | None = None) -> None:
    """Join page/``source`` and what it imports into one small file; FreezeError where esbuild complains.

    ``own``: an owner's code; without one nothing of what would host it is in the file.
    """
    form = "iife" if out.suffix == ".js" else "esm"
    options = ["--bundle", "--minify", f"--target={target}", f"--format={form}", f"--alias:built={module}"]
    for name, value in (("ENRICH", own is not None), ("REQUIRED", own is not None and own.required)):
        options.append(f"--define:{name}={json.dumps(value)}")
    command = ["node", MODULES / "esbuild" / "bin" / "esbuild", PLUGIN / "page" / source, *options]
    done = subprocess.run(
        [*map(str, command), "--log-level=warning", f"--outfile={out}"],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise FreezeError(f"esbuild could not join page/{source}: {done.stderr.strip()}")


def hashed(path: Path) -> str:
    """Rename a file so that its name tells its contents; return the new name."""
    name = f"{path.stem}-{short_hash(path)}{path.suffix}"
    path.rename(path.with_name(name))
    return name


def short_hash(path: Path) -> str:
    """Return what a file's name may tell of its contents: they never change under that name."""
    return hashlib.sha256(path.read_bytes()).hexdigest()[:8]


def integrity(path: Path) -> str:
    """Return what a tag's ``integrity`` has to say of a file."""
    return f"sha384-{base64.b64encode(hashlib.sha384(path.read_bytes()).digest()).decode()}"


def setting_constants() -> dict[str, object]:
    """Return settings.py's table as page/settings.js has it (page/built.d.ts)."""
    return {
        "USUAL": {one.page: one.default for one in TABLE},
        "OTHER": {one.segment: one.page for one in TABLE if one.segment not in ("", one.page)},
        "CHOICES": {one.page: one.choices for one in TABLE if one.choices},
    }


def bundle(core: dict[str, object], page: Path, own: OwnCode | None = None) -> None:
    """Make the page's JavaScript: the files that come later, then the plugin's, which name them."""
    values: dict[str, object] = {
        "DESCRIPTION": {name: core[name] for name in ("entry", "buffer", "capacity")},
        **setting_constants(),
        "CORE": core["wasm"],
        "VERSION": VERSION,
        "ENRICHMENT": own.as_constant(page) if own else None,
    }
    module = CACHE / "page" / "built.js"
    for name, source in (("STOCK", "stock.js"), ("LATER", "loaded.js")):
        out = page / f"{name.lower()}.js"
        join(source, built(module, values), out, "es2022", own)
        values[name] = hashed(out)
    join("script.js", built(module, values), page / "session-plugin.js", "es2015", own)
    join("module.js", module, page / "session-plugin.mjs", "es2020", own)  # import.meta came with ES2020
    look_at(page / "session-plugin.js", LARGEST_HOLDING if own and own.required else LARGEST)


def look_at(script: Path, largest: int) -> None:
    """Raise FreezeError unless browsers of 2015 can read the script and it is as small as it has to be."""
    parser = ["node", str(MODULES / "acorn" / "bin" / "acorn"), f"--ecma{OLDEST}", "--silent", str(script)]
    done = subprocess.run(parser, capture_output=True, text=True, check=False)
    if done.returncode:
        raise FreezeError(f"{script.name} is not ES{OLDEST}: {(done.stdout + done.stderr).strip()}")
    size = len(brotli.compress(script.read_bytes(), quality=11, lgwin=24))
    if size > largest:
        raise FreezeError(f"{script.name} takes {size} bytes with brotli; at most {largest} are allowed")


def compress(folder: Path, but: Sequence[Path] = ()) -> None:
    """Put .br and .gz beside every file that is worth it; each content is compressed once and kept.

    ``but``: folders whose files stay as they are.
    """
    (CACHE / "compressed").mkdir(parents=True, exist_ok=True)
    paths = [
        path
        for path in sorted(folder.rglob("*"))
        if path.is_file()
        and path.suffix not in (".br", ".gz", ".whl")
        and path.stat().st_size >= SMALLEST
        and not any(parent in path.parents for parent in but)
    ]
    with ThreadPoolExecutor() as pool:  # both compressors leave the other threads their turn
        for _ in pool.map(compressed, paths):
            pass


def compressed(path: Path) -> None:
    """Put a file's two compressed forms beside it."""
    data = path.read_bytes()
    name = hashlib.sha256(data).hexdigest()[:24]
    for ending, squeeze in SQUEEZERS.items():
        beside, cached = path.with_name(f"{path.name}.{ending}"), CACHE / "compressed" / f"{name}.{ending}"
        if beside.exists():
            continue
        if not cached.exists():
            if len(data) > 1_000_000:
                say(f"compressing {path.name} ({ending})")
            with tempfile.NamedTemporaryFile(dir=cached.parent, delete=False) as part:
                part.write(squeeze(data))
            Path(part.name).replace(cached)  # whole, or not there
        shutil.copyfile(cached, beside)


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


def manifest(page: Path, core: dict[str, object]) -> dict[str, object]:
    """Return what was built: versions, and of every file its integrity and its bytes, compressed too.

    ``script`` is the name of the script tag's file that never changes; it may be cached for ever.
    """
    files = {
        path.relative_to(page).as_posix(): {
            "bytes": path.stat().st_size,
            "integrity": integrity(path),
            **{
                ending: beside.stat().st_size
                for ending in ("br", "gz")
                if (beside := path.with_name(f"{path.name}.{ending}")).exists()
            },
        }
        for path in sorted(page.rglob("*"))
        if path.is_file() and path.suffix not in (".br", ".gz")
    }
    script = next(name for name in files if name.startswith(f"session-plugin-{VERSION}-"))
    about = {"version": VERSION, "pyodide": core["pyodide"], "level": core["level"], "script": script}
    return {**about, "files": files}


def table(page: Path) -> str:
    """Return the sizes as lines for the terminal."""
    files: dict[str, dict[str, Any]] = json.loads((page / "manifest.json").read_text())["files"]
    wide = max(map(len, files))
    lines = [f"{'file':{wide}}  {'bytes':>10}  {'brotli':>10}"]
    for name, sizes in files.items():
        lines.append(f"{name:{wide}}  {sizes['bytes']:>10,}  {sizes.get('br', sizes['bytes']):>10,}")
    return "\n".join(lines)


def main() -> None:
    """Build what is not as new as its sources; print the sizes where something was built."""
    parser = argparse.ArgumentParser(prog="python -m browser_plugin.dist", description=__doc__)
    parser.add_argument(
        "--quick",
        action="store_true",
        help="check the frozen module with fewer calls, leave stock Pyodide's files uncompressed",
    )
    add_options(parser)
    options = parser.parse_args()
    whole = not options.quick
    dist = ROOT / "dist"
    own = own_code(parser, options)
    stamp, value = CACHE / "dist.stamp", fingerprint() + (own.key() if own else "")
    there = (
        stamp.read_text().split() if stamp.is_file() and (dist / "page" / "manifest.json").is_file() else []
    )
    if there[:1] == [value] and (not whole or there[1:] == ["whole"]):
        return
    try:
        if own:
            print(own.costs(), flush=True)
        make(dist, whole, own)
    except (FreezeError, subprocess.CalledProcessError) as error:
        print(f"build: {error}", file=sys.stderr)
        raise SystemExit(1) from None
    stamp.write_text(f"{value} whole" if whole else value)
    print(table(dist / "page"))


if __name__ == "__main__":
    main()
