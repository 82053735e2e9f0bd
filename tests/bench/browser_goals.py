"""The figures that the plugin is held to, of a run of the browser benchmark."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

LARGEST_KB = 198
"""All that a page loads of the plugin: what MicroPython alone took when the goal was set."""
LARGEST_SCRIPT = 5_120
"""Bytes of the script tag's file, with brotli."""
SLOWEST_US = 60
"""A whole event in Chromium, the median of many in a row: as it was measured when the goal was set.

A first visit's events take longer, for the browser optimizes Python beside them. Spaced, each write wakes
another process and the caches are cold: beside it stands its storage alone.
"""
LONGEST_MS = 50
"""From here on a task is a long one, as browsers count."""


def goals(rows: Sequence[Mapping[str, Any]], script: int) -> list[str]:
    """Return a line for each figure, whether it is reached, and what it is compared with.

    ``rows``: as dist/bench/browser.jsonl has them; ``script``: the script tag's bytes with brotli.
    """
    plugins = [row for row in rows if row["variant"] == "plugin"]
    lines = [line("script tag", f"{script:,} bytes", script <= LARGEST_SCRIPT, f"{LARGEST_SCRIPT:,}")]
    for row in plugins:
        name = row["browser"]
        if name == "chromium":
            lines += sizes(row, rows)
        ratio = f"stock Pyodide's / {row.get('cold_ratio', 0):.1f}"
        lines.append(f"     cold start, {name}: {row['cold_ms']:.0f} ms, {ratio}")
        long = row["longest_task_ms"]
        lines.append(line(f"longest task, {name}", f"{long:.0f} ms", long <= LONGEST_MS, f"{LONGEST_MS}"))
        lines += events(row, name == "chromium")
    return lines


def events(plugin: Mapping[str, Any], held: bool) -> list[str]:
    """Return the lines on whole events; ``held``: whether they have a goal in this browser."""
    us, spaced, storage = plugin["call_us"], plugin["spaced_us"], plugin["storage_us"]
    what = f"whole event in bursts, {plugin['browser']}"
    figure = f"{us:.0f} us, {plugin['first_us']:.0f} us on a first visit"
    ratio = f"{spaced / storage:.1f} times the {storage:.0f} us of" if storage else "far more than"
    return [
        line(what, figure, us <= SLOWEST_US, f"{SLOWEST_US}") if held else f"     {what}: {figure}",
        f"     whole event spaced, {plugin['browser']}: {spaced:.0f} us, {ratio} its storage alone",
    ]


def sizes(plugin: Mapping[str, Any], rows: Iterable[Mapping[str, Any]]) -> list[str]:
    """Return the line on bytes; MicroPython's stand beside them where it was measured."""
    wire = plugin["wire_kb"]
    other = next((row["wire_kb"] for row in rows if row["variant"] == "micropython"), None)
    most = f"{LARGEST_KB}" + (f"; MicroPython {other:.1f} kB" if other else "")
    reached = wire <= LARGEST_KB and (other is None or wire < other)
    return [line("bytes of Python and the plugin", f"{wire:.1f} kB", reached, most)]


def line(what: str, figure: str, reached: bool, most: str) -> str:
    """Return one figure with its goal."""
    return f"{'ok' if reached else 'MISS':4} {what}: {figure} (at most {most})"
