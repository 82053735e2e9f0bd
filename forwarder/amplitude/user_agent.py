"""User agents, read by the reference's own parser: an npm package run in an embedded JavaScript engine.

Parsers in Python agree with it in 31 to 87 % of the cases, depending on the field. Of two engines that run it
(one core, 435 agents; both give Node's answers): quickjs-ng takes 3 MB, 14 ms to start and 315 us for an
agent, and is 8 MB installed; mini-racer (V8) takes 59 to 72 MB, 92 ms and 238 us, and is 82 MB. Agents come
again and again: behind the cache the time of a parse shows little, the memory always would. ``user_agent.js``
and asking for no more than is used make it half of that time.
"""

import json
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Final, NamedTuple, cast

from forwarder.javascript.engine import Engine
from forwarder.javascript.packages import USER_AGENTS

LONGEST: Final = 1024
"""Characters of a user agent that are read; some expressions of the parser take quadratic time."""
USUAL: Final = 300
"""Characters of nearly all user agents; to remember longer ones, or others than ASCII, takes up to 10 kB."""
REMEMBERED: Final = 50_000
"""Usual user agents whose answers are kept; about 1 kB each."""
UNUSUAL_REMEMBERED: Final = 2_000
"""Others: somebody who makes them up fills 20 MB with them, and drives no usual ones out."""

_READ: Final = """function read(text) {
  const agent = new module.exports(text);
  const [os, browser, device] = [agent.getOS(), agent.getBrowser(), agent.getDevice()];
  return [os.name, browser.name, browser.major, device.vendor, device.model, device.type];
}"""


class Agent(NamedTuple):
    """The parts of a user agent that the parser found; None for the others."""

    os: str | None
    browser: str | None
    major: str | None
    vendor: str | None
    model: str | None
    type: str | None


@lru_cache(maxsize=1)
def _engine() -> Engine:
    quicker = Path(__file__).with_name("user_agent.js").read_text(encoding="utf-8")
    return Engine(USER_AGENTS, quicker + _READ)


def read_user_agent(text: str) -> Agent:
    """Return what the parser finds in ``text``, from memory where it was seen lately."""
    return _usual(text) if len(text) <= USUAL and text.isascii() else _unusual(text)


def _read(text: str) -> Agent:
    return Agent._make(cast("list[str | None]", _engine().call("read", json.dumps([text]))))


_usual = lru_cache(maxsize=REMEMBERED)(_read)
_unusual = lru_cache(maxsize=UNUSUAL_REMEMBERED)(_read)


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
