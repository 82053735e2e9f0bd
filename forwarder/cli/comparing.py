"""``forwarder plan --compare``: what differs from what another system sent."""

from collections.abc import Sequence
from pathlib import Path

import orjson

from forwarder.cli.output import Failed, say
from forwarder.comparing.comparison import compare
from forwarder.comparing.items import read_items
from forwarder.comparing.showing import lines, page


def show_comparison(planned: Sequence[str], sent: Path, html: Path | None) -> bool:
    """Print how plan's lines differ from the file ``sent``, write the page ``html``, tell whether they do."""
    read = read_items(sent.read_text(encoding="utf-8", errors="replace"))
    for problem in read.problems:
        say(f"{sent}: {problem}", err=True)
    if not read.items and not read.planned:
        raise Failed(
            f"{sent} holds nothing that goes to Amplitude: give requests' bodies, items, or lines of plan"
        )
    comparison = compare([orjson.loads(line) for line in planned], read)
    say("\n".join(lines(comparison)))
    if html is not None:
        try:
            html.write_text(page(comparison, f"{sent.name} and this configuration"), encoding="utf-8")
        except OSError as error:
            raise Failed(f"{html} cannot be written: {error.strerror}") from None
        say(f"{html} is written", err=True)
    return bool(comparison.differing) or bool(read.problems)
