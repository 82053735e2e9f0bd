"""JSON texts as JavaScript writes and reads them, for ``@json`` and Liquid."""

import json
from collections.abc import Mapping
from json.encoder import encode_basestring
from typing import Any

from forwarder.javascript.values import UNDEFINED, number_to_string, whole

MAX_INDEX = 2**32 - 2
"""The largest index of an array (ECMA-262, 6.1.7): keys up to here come first, by number."""


def ordered_keys(value: Mapping[str, object]) -> list[str]:
    """Return an object's keys in JavaScript's order: array indexes ascending, then the others as inserted."""
    indexes = [key for key in value if _is_index(key)]
    if not indexes:
        return list(value)
    return sorted(indexes, key=int) + [key for key in value if not _is_index(key)]


def _is_index(key: str) -> bool:
    if not (key.isascii() and key.isdigit() and len(key) <= 10):
        return False
    return (key == "0" or key[0] != "0") and int(key) <= MAX_INDEX


def stringify(value: object, indent: str | None = None, margin: str = "\n") -> str:
    """Return ``JSON.stringify(value, null, indent)`` of a value that is not UNDEFINED itself.

    ``indent``: None: all on one line; an empty one still breaks lines, as the gap 0.5 does in V8.
    """
    if isinstance(value, str):
        return _quote(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        text = number_to_string(value)
        return "null" if text.endswith(("y", "N")) else text
    inner = margin + (indent or "")
    if isinstance(value, dict):
        colon = ":" if indent is None else ": "
        parts = [
            f"{_quote(key)}{colon}{stringify(value[key], indent, inner)}"
            for key in ordered_keys(value)
            if value[key] is not UNDEFINED
        ]
        return _enclose("{}", parts, indent, margin)
    if isinstance(value, list):
        return _enclose("[]", [stringify(one, indent, inner) for one in value], indent, margin)
    return "null"


def _enclose(brackets: str, parts: list[str], indent: str | None, margin: str) -> str:
    if indent is None or not parts:
        return brackets[0] + ",".join(parts) + brackets[1]
    inner = margin + indent
    return brackets[0] + inner + f",{inner}".join(parts) + margin + brackets[1]


def _quote(text: str) -> str:
    """Return the text quoted; unpaired surrogates are escaped, other letters kept."""
    quoted = encode_basestring(text)
    if quoted.isascii() or not any("\ud800" <= char <= "\udfff" for char in quoted):
        return quoted
    return "".join(f"\\u{ord(char):04x}" if "\ud800" <= char <= "\udfff" else char for char in quoted)


def parse(text: str) -> Any:
    """Return ``JSON.parse(text)``. Raises ValueError where that throws."""
    return json.loads(text, parse_constant=_refuse, parse_int=_parse_int, parse_float=_parse_float)


def _refuse(name: str) -> None:
    raise ValueError(f"{name} is no JSON")


def _parse_int(digits: str) -> float:
    return int(digits) if len(digits) < 400 else float(digits)


def _parse_float(digits: str) -> float:
    return whole(float(digits))
