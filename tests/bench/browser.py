"""Python in a page: stock Pyodide, its memory snapshot, the frozen levels, MicroPython, plain JavaScript.

``plugin`` is what is shipped: the script tag itself, from its start to Python's first answer, and then whole
events, with storage: in bursts, of which those of one millisecond write once, and spaced, so that each
writes. In turns with those the same reads and the write are made alone: they wake another process of the
browser, which takes as long with any plugin, so beside the figure stands what is left without them. The
others are asked the rules alone: facts in, patch out, as JSON. Figures for events are medians of all visits.

``python -m tests.bench.browser`` starts a fresh browser for each measurement (cold: an empty cache; warm: the
third visit), takes medians, prints a table for each browser with ratios to stock Pyodide in the same run, and
writes one JSON line per variant to dist/bench/browser.jsonl. Chromium is measured once more with its CPU
slowed down four times. Last come the figures that the plugin is held to (``browser_goals``). Long tasks come
from the browser's own observer where it tells of a task made for it; elsewhere, as in Firefox, they are gaps
between two turns of the page's thread. Stock Pyodide blocks every page: a run that does not see that ends
with an error.
"""

import argparse
import asyncio
import json
import statistics
import sys
from collections.abc import Sequence
from typing import Any

from playwright.async_api import Page

from browser_plugin.page_build.places import ROOT
from tests.bench.browser_goals import goals
from tests.bench.browser_site import VARIANTS, prepare
from tests.browser.browsers import NOTHING_EMULATED, browser
from tests.browser.site import Site, serving

ISOLATED = {"Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Embedder-Policy": "require-corp"}
"""Without these headers browsers make their clocks too coarse to time a call."""
KEPT_FOR_GOOD = {"Cache-Control": "public, max-age=31536000, immutable"}
OWN = ("/measure.js", "/variants.js", ".html")
"""Paths that end like this are the benchmark's own and are not counted."""
LONG_MS = 50
"""From here on a task is a long one, as browsers count."""
QUICK = ("stock", "plugin", "micropython", "javascript")
SLOWED = "chromium, CPU x4 slower"
OF_EVENTS = ("call_us", "spaced_us", "storage_us", "call_p99_us")
COLUMNS = {
    "wire_kb": "kB on the wire",
    "cold_ms": "cold ms",
    "warm_ms": "warm ms",
    "longest_task_ms": "longest task ms",
    "longest_gap_ms": "longest gap ms",
    "blocking_ms": "blocking ms",
    "call_us": "call us",
    "spaced_us": "spaced us",
    "storage_us": "storage us",
    "memory_mb": "memory MB",
    "cold_ratio": "stock/cold",
    "wire_ratio": "stock/wire",
}


async def visit(page: Page, url: str) -> dict[str, Any]:
    """Return what one visit of a variant's page measured."""
    await page.goto(url)
    while (told := await page.evaluate("window.measured ?? null")) is None:
        await page.wait_for_timeout(100)
    if "error" in told:
        raise RuntimeError(f"{url}: {told['error']}")
    measured: dict[str, Any] = told
    return measured


async def once(site: Site, name: str, variant: str, slow: int) -> tuple[str, dict[str, float]]:
    """Return how blocking was seen and one measurement, cold and warm, in a browser of its own."""
    async with browser(name) as running:
        context = await running.new_context(**(NOTHING_EMULATED if name == "firefox" else {}))
        page = await context.new_page()
        await page.goto(f"{site.url}/blank.html")
        if slow > 1:
            session = await context.new_cdp_session(page)
            await session.send("Emulation.setCPUThrottlingRate", {"rate": slow})
        site.sent.clear()
        cold = await visit(page, f"{site.url}/{variant}.html")
        wire = sum(size for path, size in site.sent.items() if not path.endswith(OWN))
        visits = [cold, *[await visit(page, f"{site.url}/{variant}.html") for _ in range(2)]]
        warm = visits[-1]
    decision = json.loads(cold["answer"])["decision"]
    if not (decision["session_id"] and decision["reason"] == "first visit"):
        raise RuntimeError(f"{variant} answered {cold['answer']!r}")
    return cold["seen_by"], {
        "wire_kb": wire / 1000,
        "cold_ms": cold["answer_ms"],
        "warm_ms": warm["answer_ms"],
        "first_call_ms": cold["first_call_ms"],
        "longest_task_ms": max(cold["longest_task_ms"], warm["longest_task_ms"]),
        "longest_gap_ms": max(cold["longest_gap_ms"], warm["longest_gap_ms"]),
        "blocking_ms": cold["blocking_ms"],
        **{key: statistics.median(one[key] for one in visits) for key in OF_EVENTS},
        "first_us": cold["call_us"],
        "memory_mb": (cold["linear_bytes"] + (cold["heap_bytes"] or 0)) / 1e6,
    }


async def measured(
    site: Site, name: str, variants: Sequence[str], repeat: int, slow: int
) -> list[dict[str, Any]]:
    """Return each variant's medians in one browser; the variants take turns, so that noise hits all alike."""
    samples: dict[str, list[dict[str, float]]] = {variant: [] for variant in variants}
    seen_by: dict[str, str] = {}
    for turn in range(repeat):
        for variant in variants:
            print(f"\r\033[K{name}: {turn + 1}/{repeat} {variant}", end="", file=sys.stderr, flush=True)
            seen_by[variant], sample = await once(site, name, variant, slow)
            samples[variant].append(sample)
    print("\r\033[K", end="", file=sys.stderr, flush=True)
    label = SLOWED if slow > 1 else name
    rows = []
    for variant, taken in samples.items():
        row: dict[str, Any] = {
            "browser": label,
            "variant": variant,
            "samples": repeat,
            "seen_by": seen_by[variant],
        }
        row |= {key: round(statistics.median(one[key] for one in taken), 3) for key in taken[0]}
        rows.append(row)
    stock = next((row for row in rows if row["variant"] == "stock"), None)
    for row in rows:
        for key in ("cold", "wire") if stock else ():
            unit = {"cold": "cold_ms", "wire": "wire_kb"}[key]
            row[f"{key}_ratio"] = round(stock[unit] / row[unit], 1) if stock and row[unit] else 0.0
    return rows


def blind(rows: Sequence[dict[str, Any]]) -> list[str]:
    """Return a line for each browser in which stock Pyodide seems not to block the page, for it does."""
    return [
        f"{row['browser']}: stock Pyodide's longest task is {row['longest_task_ms']:.0f} ms and it blocks for"
        f" {row['blocking_ms']:.0f} ms, seen by {row['seen_by']}; the measure is blind"
        for row in rows
        if row["variant"] == "stock" and not (row["longest_task_ms"] > LONG_MS and row["blocking_ms"] > 0)
    ]


def table(rows: list[dict[str, Any]]) -> str:
    """Return rows as a table for a terminal."""
    lines = [["variant", *COLUMNS.values()]]
    lines += [[row["variant"], *(f"{row.get(key, 0):,.1f}" for key in COLUMNS)] for row in rows]
    widths = [max(len(line[place]) for line in lines) for place in range(len(lines[0]))]
    return "\n".join(
        "  ".join(cell.rjust(width) for cell, width in zip(line, widths, strict=True)) for line in lines
    )


async def main() -> None:
    """Prepare, measure, print, write."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.bench.browser",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--repeat", type=int, default=7, help="measurements per variant and browser (default: 7)"
    )
    parser.add_argument(
        "--browsers",
        nargs="+",
        default=["chromium", "firefox", "slow"],
        choices=["chromium", "firefox", "slow"],
        help="slow: Chromium, CPU slowed down four times",
    )
    parser.add_argument("--variants", nargs="+", default=list(VARIANTS), choices=VARIANTS)
    parser.add_argument(
        "--quick", action="store_true", help=f"{', '.join(QUICK)} once, to see that everything works"
    )
    options = parser.parse_args()
    if options.quick:
        options.repeat, options.browsers, options.variants = 1, ["chromium", "firefox"], list(QUICK)
    if "stock" not in options.variants:
        options.variants.insert(0, "stock")  # what every ratio refers to, and whether blocking is seen
    folder, pages = prepare(
        tuple(options.variants), lambda step: print(f"bench: {step}", file=sys.stderr, flush=True)
    )
    out = ROOT / "dist" / "bench" / "browser.jsonl"
    out.parent.mkdir(parents=True, exist_ok=True)
    rows = []
    types = {path: "text/html; charset=utf-8" for path in pages if path.endswith(".html")}
    with serving(Site(folder, pages, types, ISOLATED | KEPT_FOR_GOOD)) as site:
        for name in options.browsers:
            slow = 4 if name == "slow" else 1
            some = await measured(
                site, "chromium" if name == "slow" else name, options.variants, options.repeat, slow
            )
            seen = f"blocking seen by {some[0]['seen_by']}"
            print(f"\n{some[0]['browser']}, medians of {options.repeat}, {seen}\n{table(some)}", flush=True)
            rows += some
            out.write_text("".join(json.dumps(row) + "\n" for row in rows))
    script = json.loads((ROOT / "dist" / "page" / "manifest.json").read_text())["files"]["session-plugin.js"]
    print("\n" + "\n".join(goals(rows, script["br"])))
    if problems := blind(rows):
        raise SystemExit("\n".join(f"bench: {problem}" for problem in problems))


if __name__ == "__main__":
    asyncio.run(main())
