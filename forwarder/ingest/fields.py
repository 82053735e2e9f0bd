"""JSON objects whose values are not decoded yet."""

from typing import Any, TypeAlias

import msgspec

Fields: TypeAlias = dict[str, msgspec.Raw]
"""A JSON object whose values are the bytes that were sent."""

_fields = msgspec.json.Decoder(Fields)
_any = msgspec.json.Decoder(Any)
_text = msgspec.json.Decoder(str)


def read_fields(raw: msgspec.Raw | bytes) -> Fields | None:
    """Return the fields of a JSON object, undecoded; None where it is not an object."""
    try:
        return _fields.decode(raw)
    except (msgspec.DecodeError, RecursionError):
        return None


def read_text(raw: msgspec.Raw | None) -> str | None:
    """Return the text a value holds; None where it holds none."""
    if raw is None or bytes(raw)[:1] != b'"':
        return None
    return _text.decode(raw)


def read_value(raw: msgspec.Raw | bytes | None) -> object:
    """Return what a JSON value holds; None where it is absent or cannot be read."""
    if raw is None:
        return None
    try:
        return _any.decode(raw)
    except (msgspec.DecodeError, RecursionError):
        return None
