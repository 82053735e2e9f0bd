"""The page's scripts: esbuild joins each from ``page/`` and the Python sources, terser shortens the first."""

import json
import subprocess
from pathlib import Path

import brotli  # type: ignore[import-untyped,unused-ignore]

from browser_plugin.freeze.tools import FreezeError
from browser_plugin.owner_freeze.page import OwnCode
from browser_plugin.page_build.hashes import hashed
from browser_plugin.page_build.places import CACHE, MODULES, PLUGIN
from browser_plugin.policy import as_javascript
from browser_plugin.settings import TABLE
from browser_plugin.wheel import VERSION

OLDEST = 2015
"""The edition of JavaScript that the script tag is written in: TV sets and old web views know no later."""
LARGEST = 5_120
"""Bytes of brotli that the script tag's file may take: the page's own scripts wait for it."""
SHORT = (
    *("begin", "begun", "by", "done", "emitting", "facts", "lastChance", "leaving", "left"),
    *("onAttach", "patch", "rank", "records", "resets", "shared", "waiting", "wake"),
)
"""Names of properties that only the page's own files know (``page/state.js``): they are written shorter.

What the second script asks of whoever starts it without the first keeps its name.
"""
LARGEST_HOLDING = 5_632
"""The same where it also has to hold events back until the owner's Python is up."""


def bundle(core: dict[str, object], page: Path, own: OwnCode | None = None) -> None:
    """Make the page's JavaScript: the files that come later, then the plugin's, which name them."""
    values: dict[str, object] = {
        "DESCRIPTION": {name: core[name] for name in ("entry", "buffer", "capacity")},
        **setting_constants(),
        "CORE": core["wasm"],
        "VERSION": VERSION,
        **(own.as_constants(page) if own else {"ENRICHMENT": None, "HOLDING": None}),
    }
    module = CACHE / "page" / "built.js"
    module.parent.mkdir(parents=True, exist_ok=True)
    cache = module.with_name("short.json")
    cache.write_text("{}")
    for name, source in (("STOCK", "stock.js"), ("LATER", "loaded.js")):
        out = page / f"{name.lower()}.js"
        join(source, built(module, values), out, "es2022", own, short=cache)
        values[name] = hashed(out)
    join("script.js", built(module, values), page / "session-plugin.js", "es2015", own, short=cache)
    shorten(page / "session-plugin.js")
    join("module.js", module, page / "session-plugin.mjs", "es2020", own)  # import.meta came with ES2020
    # The owner's own list of fields is his.
    largest = LARGEST_HOLDING + len(" ".join(own.minimal)) if own and own.required else LARGEST
    look_at(page / "session-plugin.js", largest)


def built(page: Path, values: dict[str, object]) -> Path:
    """Write the JavaScript module ``built``: what page/ takes from Python (page/built.d.ts)."""
    lines = [f"export const {name} = {json.dumps(value)};\n" for name, value in values.items()]
    page.parent.mkdir(parents=True, exist_ok=True)
    page.write_text(as_javascript() + "".join(lines))
    return page


def setting_constants() -> dict[str, object]:
    """Return settings.py's table as page/settings.js has it (page/built.d.ts)."""
    return {
        "USUAL": {one.page: one.default for one in TABLE},
        "OTHER": {one.segment: one.page for one in TABLE if one.segment not in ("", one.page)},
        "CHOICES": {one.page: one.choices for one in TABLE if one.choices},
    }


def join(
    source: str, module: Path, out: Path, target: str, own: OwnCode | None = None, short: Path | None = None
) -> None:
    """Join page/``source`` and what it imports into one small file; FreezeError where esbuild complains.

    ``own``: an owner's code; without one nothing of what would host it is in the file. ``short``: what the
    ``SHORT`` names are in all files that were joined with it, which hand values to each other.
    """
    form = "iife" if out.suffix == ".js" else "esm"
    options = [
        "--log-level=warning",
        "--bundle",
        "--minify",
        f"--target={target}",
        f"--format={form}",
        f"--alias:built={module}",
    ]
    for name, value in (("ENRICH", own is not None), ("REQUIRED", own is not None and own.required)):
        options.append(f"--define:{name}={json.dumps(value)}")
    if short:
        options += [f"--mangle-props=^({'|'.join(SHORT)})$", f"--mangle-cache={short}"]
    run("esbuild", f"join page/{source}", PLUGIN / "page" / source, *options, f"--outfile={out}")


def shorten(script: Path) -> None:
    """Write a joined script once more, shorter; FreezeError where terser complains."""
    compress = ["--compress", "passes=2,unsafe_arrows=true,hoist_funs=true", "--mangle"]
    run("terser", f"shorten {script.name}", script, f"--ecma={OLDEST}", *compress, "--output", script)


def run(tool: str, what: str, *words: str | Path) -> None:
    """Run a JavaScript tool; FreezeError, with ``what`` it could not do, where it complains."""
    command = ["node", str(MODULES / tool / "bin" / tool), *map(str, words)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise FreezeError(f"{tool} could not {what}: {done.stderr.strip()}")


def look_at(script: Path, largest: int) -> None:
    """Raise FreezeError unless browsers of 2015 can read the script and it is as small as it has to be."""
    parser = ["node", str(MODULES / "acorn" / "bin" / "acorn"), f"--ecma{OLDEST}", "--silent", str(script)]
    done = subprocess.run(parser, capture_output=True, text=True, check=False)
    if done.returncode:
        raise FreezeError(f"{script.name} is not ES{OLDEST}: {(done.stdout + done.stderr).strip()}")
    size = len(brotli.compress(script.read_bytes(), quality=11, lgwin=24))
    if size > largest:
        raise FreezeError(f"{script.name} takes {size} bytes with brotli; at most {largest} are allowed")
