"""The forwarder's settings, and the plugin's."""

import json
import re
from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel, SecretStr
from pydantic_core import PydanticUndefined

from browser_plugin.settings import TABLE
from forwarder.config import settings
from forwarder.config.values import page_files
from tests.docs.reference.markdown import block, code, table, texts_of
from tests.support.processes import ROOT

SECTIONS: dict[str, tuple[type[BaseModel], str]] = {
    "[server]": (settings.Server, "Where the forwarder listens, and what it serves to pages."),
    "[spool]": (settings.SpoolSettings, "Where accepted events wait."),
    "[history]": (settings.HistorySettings, "How long events are kept once they have ended."),
    "[limits]": (settings.Limits, "What senders may do; sizes in bytes, times in seconds."),
    "[[sources]]": (settings.Source, "Who sends events."),
    "[[destinations]]": (settings.Destination, "Where events go."),
    "[destinations.settings]": (settings.AmplitudeKeys, "The Amplitude project."),
}
MORE = {
    "host": "the address to listen on",
    "port": "the port to listen on; 0 takes a free one",
    "max_bytes": "the same for bytes of events",
    "batch_events": "events in one request",
    "header_bytes": "all header lines of a request together",
    "name": "what logs, metrics and the console call it",
    "subscriptions_file": "a file with mappings as Segment writes them; left out: the presets",
    "subscriptions": "the same, written here",
    "sources": "names of the sources whose events go there; left out: all",
    "settings": "see below",
    "apiKey": "the project's API key",
    "secretKey": "its secret key",
    "endpoint": "Amplitude's region",
}
"""What a setting is for, where the file does not say it beside it."""
EXAMPLE = (ROOT / "forwarder" / "example.toml").read_text(encoding="utf-8")


def forwarder_settings() -> str:
    """Return the page of the forwarder's settings."""
    parts = [
        "# Which settings has the forwarder?\n",
        'One TOML file, given by `--config`. `"${NAME}"` is an environment variable, `"${NAME:-text}"` one with a'
        " default, and a text that begins with `file:` is read from that file. Relative paths start where the file"
        " lies. `forwarder check` names every mistake at once; SIGHUP reads the file again without losing a request.\n",
    ]
    for section, (model, what) in SECTIONS.items():
        parts += [
            f"## {section}\n",
            f"{what}\n",
            table(("setting", "default", "what"), _rows(section, model)),
        ]
    parts += [
        "## [session]\n",
        "Settings of the [session plugin](page.md), for the pages of all sources; a source's own `session` wins.\n",
        "## The whole file\n",
        f"`forwarder init` writes it.\n\n{block(EXAMPLE, 'toml')}",
    ]
    return "\n".join(parts)


def _rows(section: str, model: type[BaseModel]) -> Iterator[tuple[str, str, str]]:
    documented = texts_of(ROOT / "forwarder" / "config" / "settings.py").get(model.__name__, {})
    for name, field in model.model_fields.items():
        text = _comment(section, name) or documented.get(name) or MORE.get(name, "")
        default = "" if field.default_factory == page_files else field.default  # a folder of this machine
        yield code(name), _default(default), text


def _default(value: Any) -> str:
    if value is PydanticUndefined:
        return "**required**"
    if isinstance(value, SecretStr):
        value = value.get_secret_value()
    if value is None:
        return ""
    if isinstance(value, tuple):
        value = list(value)
    return code(
        json.dumps(value if isinstance(value, str | int | float | bool | list | dict) else str(value))
    )


def _comment(section: str, name: str) -> str:
    """Return what example.toml says of a setting, with the lines that go on below it."""
    part = EXAMPLE.partition(f"\n{section}\n")[2]
    part = re.split(r"^\[", part, maxsplit=1, flags=re.MULTILINE)[0]
    found = re.search(rf"^(?:# )?{name} = [^#\n]*#(.*\n(?: {{8,}}# .*\n)*)", part, re.MULTILINE)
    if not found:
        return ""
    text = " ".join(line.strip().removeprefix("#").strip() for line in found[1].splitlines())
    return "" if text == "example" else text


def plugin_settings() -> str:
    """Return the table of the plugin's settings."""
    texts = texts_of(ROOT / "browser_plugin" / "settings.py")["SessionSettings"]
    rows = (
        (
            code(one.page),
            code(json.dumps(list(one.default) if isinstance(one.default, tuple) else one.default)),
            texts[one.name] + (f" One of {', '.join(map(code, one.choices))}." if one.choices else ""),
            code(one.segment),
        )
        for one in TABLE
    )
    return table(("setting", "default", "what", "Segment's name"), rows)
