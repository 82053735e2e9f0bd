"""Sessions before and after as one HTML page: a table and two charts, with nothing to load and no script."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Final

from forwarder.sessions.report import CLASSES, MOST_EACH, Figures, rows

_STYLE: Final = """
:root { color-scheme: light dark; --before: #8a8f98; --after: #1f6feb; }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
table { border-collapse: collapse; }
th, td { text-align: right; padding: .2rem 1rem .2rem 0; border-bottom: 1px solid #8884; }
th:first-child, td:first-child { text-align: left; }
figure { margin: 0; overflow-x: auto; }
svg { width: 100%; min-width: 46rem; height: auto; }
svg text { font: 12px system-ui, sans-serif; fill: currentColor; }
.before { fill: var(--before); } .after { fill: var(--after); }
.key::before { content: "\\25A0  "; }
.key.before::before { color: var(--before); } .key.after::before { color: var(--after); }
"""
_WIDTH, _HEIGHT, _LOW = 840, 220, 40
"""The charts' size, and the room for their labels, in the picture's units."""


def page(before: Figures, after: Figures, settings: str) -> str:
    """Return the page. ``settings``: what makes the sessions after, in words."""
    table = "".join(
        f"<tr><td>{escape(what)}</td><td>{escape(old)}</td><td>{escape(new)}</td></tr>"
        for (what, old), (_, new) in zip(rows(before), rows(after), strict=True)
    )
    people = [str(number) for number in range(MOST_EACH)] + [f"{MOST_EACH} or more"]
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width">'
        f"<title>Sessions, before and after</title><style>{_STYLE}</style>"
        f"<h1>Sessions, before and after</h1><p>After: {escape(settings)}.</p>"
        f"<figure><table><tr><td></td><th>before</th><th>after</th></tr>{table}</table></figure>"
        '<p><span class="key before">before</span> <span class="key after">after</span></p>'
        f"<h2>Lengths of sessions</h2>{_bars(CLASSES, before.lengths, after.lengths)}"
        f"<h2>People by their number of sessions</h2>{_bars(people, before.each, after.each)}"
        "</html>\n"
    )


def _bars(labels: Sequence[str], before: Sequence[int], after: Sequence[int]) -> str:
    """Return two bars for each label, as a picture."""
    highest = max(*before, *after, 1)
    step = _WIDTH / len(labels)
    parts = []
    for index, label in enumerate(labels):
        left = index * step
        for number, (name, counts) in enumerate((("before", before), ("after", after))):
            height = (_HEIGHT - _LOW - 20) * counts[index] / highest
            x, y = left + step * (0.12 + 0.4 * number), _HEIGHT - _LOW - height
            parts.append(
                f'<rect class="{name}" x="{x:.1f}" y="{y:.1f}" width="{step * 0.36:.1f}"'
                f' height="{height:.1f}">'
                f"<title>{escape(label)}, {name}: {counts[index]:,}</title></rect>"
            )
        parts.append(
            f'<text x="{left + step / 2:.1f}" y="{_HEIGHT - _LOW + 18}" text-anchor="middle">'
            f"{escape(label)}</text>"
        )
    spoken = "; ".join(
        f"{label}: {old} before, {new} after" for label, old, new in zip(labels, before, after, strict=True)
    )
    return (
        f'<figure><svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{escape(spoken)}">'
        f"{''.join(parts)}</svg></figure>"
    )
