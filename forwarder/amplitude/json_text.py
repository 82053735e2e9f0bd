"""JSON text of a body, as JavaScript would write it."""

import json

import orjson


def json_text(value: object) -> str:
    """Return compact JSON; numbers beyond JSON are null, halves of characters are escaped."""
    try:
        return orjson.dumps(value).decode()
    except orjson.JSONEncodeError:  # whole numbers beyond 64 bits, unpaired surrogates
        return json.dumps(value, separators=(",", ":"))
