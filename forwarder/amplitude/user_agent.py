"""User agents, read by the reference's own parser: an npm package run in an embedded JavaScript engine."""

import json
import os
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from threading import Lock
from typing import Final, NamedTuple

import quickjs  # type: ignore[import-untyped]

from forwarder.errors import ConfigError
from forwarder.js import utf8

FILE: Final = "ua-parser.min.js"
"""The parser's name: beside this module where the forwarder is installed (hatch_build.py puts it there)."""
LONGEST: Final = 1024
"""Characters of a user agent that are read; some expressions of the parser take quadratic time."""
REMEMBERED: Final = 50_000
"""User agents whose answers are kept; about 1 kB each."""

_HERE = Path(__file__).resolve().parent
_PLACES: Final = (
    _HERE / FILE,
    _HERE.parents[1] / "browser_plugin" / "node_modules" / "@amplitude" / "ua-parser-js" / "dist" / FILE,
)
_READ: Final = """(function (text) {
  const found = new module.exports(text).getResult();
  return JSON.stringify([found.os.name, found.browser.name, found.browser.major,
                         found.device.vendor, found.device.model, found.device.type]);
})"""


class Agent(NamedTuple):
    """What the parser found; None for what it did not."""

    os: str | None
    browser: str | None
    major: str | None
    vendor: str | None
    model: str | None
    type: str | None


class Parser:
    """The parser in an engine of its own; safe to call from several threads."""

    def __init__(self, source: str) -> None:
        self._lock = Lock()
        self._engine = quickjs.Context()
        self._engine.eval(f"var module = {{exports: {{}}}}, exports = module.exports;\n{source}")
        self._read = self._engine.eval(_READ)

    def __call__(self, text: str) -> Agent:
        """Return what ``text`` says about its sender; unpaired surrogates in it count as U+FFFD."""
        with self._lock:
            return Agent(*json.loads(self._read(utf8(text).decode())))


def parser_file() -> Path:
    """Return where the parser's file lies: named by FORWARDER_UA_PARSER, installed, or in a clone from npm.

    Raises ConfigError when it is nowhere.
    """
    named = os.environ.get("FORWARDER_UA_PARSER")
    places = [Path(named)] if named else [*_PLACES]
    for place in places:
        if place.is_file():
            return place
    raise ConfigError(
        [f"the user-agent parser {FILE} is missing; run build.py build, or name it in FORWARDER_UA_PARSER"]
    )


@lru_cache(maxsize=1)
def _parser() -> Parser:
    return Parser(parser_file().read_text(encoding="utf-8"))


@lru_cache(maxsize=REMEMBERED)
def read_user_agent(text: str) -> Agent:
    """Return what the parser finds in ``text``, from memory where it was seen lately."""
    return _parser()(text)


def parse_user_agent(ua: str | None, ua_data: Mapping[str, object] | None = None) -> dict[str, object]:
    """Return the event fields that a user agent and its client hints (``model``, ``platformVersion``) give.

    As in the reference ``os_version`` is the browser's major version, and a desktop has no ``device_type``.
    Unlike there, only the first ``LONGEST`` characters count: real ones have at most some hundred.
    """
    if not ua:
        return {}
    hints = ua_data or {}
    version, model = hints.get("platformVersion"), hints.get("model")
    agent = read_user_agent(ua[:LONGEST])
    fields = {
        "os_name": agent.browser if agent.os is None else agent.os,
        "os_version": agent.major if version is None else version,
        "device_manufacturer": agent.vendor,
        "device_model": (agent.os if agent.model is None else agent.model) if model is None else model,
        "device_type": agent.type,
    }
    return {name: value for name, value in fields.items() if value is not None}


@lru_cache(maxsize=4096)
def fields_without_hints(ua: str) -> Mapping[str, object]:
    """Return ``parse_user_agent`` of a text alone, not to be changed: most pages send no hints."""
    return parse_user_agent(ua)
