"""What the page calls for each event: the facts as JSON text in, the patch as JSON text out."""

import json
from json import encoder

from browser_plugin.rules import enrich

TYPE_CHECKING = False
"""True to type checkers only: see ``rules``."""

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

FAULT = "!"
"""The answer to what cannot be answered: no JSON, and so never taken for a patch."""
SETTINGS_FIRST = '{"settings":{'
"""How a page begins its facts. The settings are the same for each event, so they are read once."""

_scan = json.JSONDecoder().raw_decode
_known: "list[Any]" = ["\0", None]
"""How the last facts began, up to the comma behind their settings, and those settings."""


def json_writer() -> "Callable[[Any], str]":
    """Return what writes JSON: the library's encoder in C, made once, where it is as we know it.

    ``JSONEncoder.encode`` makes that encoder for each text, which takes a third of its time. ASCII only: what
    is no whole character cannot leave Python as UTF-8.
    """
    usual = json.JSONEncoder(separators=(",", ":"))
    try:
        made = getattr(encoder, "c_make_encoder")  # noqa: B009  # it is not documented
        escape = encoder.encode_basestring_ascii
        parts = made(None, usual.default, escape, None, ":", ",", False, False, True)
        "".join(parts({"a": [1]}, 0))
    except (AttributeError, TypeError):
        return usual.encode
    return lambda value: "".join(parts(value, 0))


_write = json_writer()


def handle(text: str) -> str:
    """Answer the facts about one event, JSON as ``rules`` has it. Never raises: a fault costs one event."""
    try:
        return _write(enrich(facts_of(text)))
    except Exception:  # whatever it is, the compiled rules answer this event
        return FAULT


def facts_of(text: str) -> "Any":
    """Return the facts; raises ValueError for what is no JSON.

    ``_known``'s settings are given again, never copied: the rules change nothing of the facts.
    """
    head, settings = _known
    if not text.isascii():  # cutting it is work as well, and each width of characters is a path of its own
        return whole(text)
    if not text.startswith(head):
        if not text.startswith(SETTINGS_FIRST):
            return whole(text)
        settings, end = _scan(text, len(SETTINGS_FIRST) - 1)
        if text[end : end + 1] != ",":
            return whole(text)
        head = text[: end + 1]
        _known[:] = head, settings
    facts = whole("{" + text[len(head) :])
    facts.setdefault("settings", settings)  # of two under one name the last one counts
    return facts


def whole(text: str) -> "Any":
    """Return the JSON value that the whole text is; raises ValueError."""
    value, end = _scan(text)
    if end < len(text):
        raise ValueError
    return value
