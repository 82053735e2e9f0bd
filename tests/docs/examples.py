"""Runnable examples in the documentation: configuration or mappings, an event, and what is sent of it.

An example is fenced blocks in a row: ``toml title="forwarder.toml"`` or ``json title="subscriptions.json"``
(both, or neither: then the presets hold), ``json title="event"``, and ``json title="sent"``, by address.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from click.testing import CliRunner

from forwarder.cli import cli
from forwarder.comparing.items import items_of_plan

BLOCK = re.compile(r'^```(\w+) title="([^"]+)"\n(.*?)^```', re.MULTILINE | re.DOTALL)
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
CONFIG = """
[[sources]]
name = "web"
write_key = "demo"
[[destinations]]
name = "amplitude"
{subscriptions}
[destinations.settings]
apiKey = "${AMPLITUDE_API_KEY}"
"""


@dataclass(frozen=True)
class Example:
    """One example. ``name``: its page and the heading above it."""

    name: str
    config: str
    subscriptions: str
    event: str
    sent: str


def examples_of(page: Path) -> Iterator[Example]:
    """Yield the examples of a page in order."""
    text = page.read_text(encoding="utf-8")
    given: dict[str, str] = {}
    for found in BLOCK.finditer(text):
        _, title, content = found.groups()
        given[title] = content
        if title == "sent":
            heading = HEADING.findall(text, 0, found.start())[-1]
            names = ("forwarder.toml", "subscriptions.json", "event", "sent")
            yield Example(f"{page.stem}: {heading}", *(given.get(name, "") for name in names))
            given = {}


def plan(example: Example, folder: Path) -> dict[str, list[Any]]:
    """Return what ``forwarder plan`` would send of an example's event: items by address."""
    said = f"subscriptions_file = {json.dumps(str(folder / 'subscriptions.json'))}"
    made = CONFIG.replace("{subscriptions}", said if example.subscriptions else "")
    (folder / "forwarder.toml").write_text(example.config or made)
    (folder / "subscriptions.json").write_text(example.subscriptions or "[]")
    words = ["plan", "--config", str(folder / "forwarder.toml")]
    environment = {"AMPLITUDE_API_KEY": "the-key", "AMPLITUDE_SECRET_KEY": "the-secret"}
    done = CliRunner().invoke(cli, words, input=example.event, env=environment, prog_name="forwarder")
    assert done.exit_code == 0, done.output
    sent: dict[str, list[Any]] = {}
    line = json.loads(done.output)
    for one in line["planned"]:
        assert one["error"] is None, one
        for call in one["calls"]:
            only = {**line, "planned": [{**one, "calls": [call]}]}
            sent.setdefault(call["url"], []).extend(item.body for item in items_of_plan(only))
    return sent
