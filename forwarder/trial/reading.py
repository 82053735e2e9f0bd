"""Events as people have them: JSON lines, pretty-printed JSON, lists, bodies of ``/v1/batch``, also mixed."""

import json
from collections.abc import Iterator
from typing import NamedTuple

_BEGINNINGS = ("{", "[")
_NOT_READ = json.JSONDecoder(parse_constant=lambda _: None)  # as ingest reads Python's NaN
_BESIDE = ("sentAt", "context", "integrations", "writeKey")
"""What stands beside a batch's events and counts for each of them."""


class Given(NamedTuple):
    """An event of the input, with what stood beside it; or what is wrong there."""

    event: object = None
    beside: dict[str, object] | None = None
    problem: str = ""


def read_events(content: bytes) -> Iterator[Given]:
    """Yield every event of the input in order, and one problem for each part that is no JSON."""
    text = content.decode("utf-8-sig", "surrogateescape")
    at = 0
    while at < len(text):
        if text[at].isspace() or text[at] == ",":
            at += 1
            continue
        try:
            value, at = _NOT_READ.raw_decode(text, at)
        except (ValueError, RecursionError) as error:
            yield Given(problem=f"{_wrong(error, text, at)}; give events, lists of them, or batches")
            at = _next_beginning(text, at)
            continue
        yield from _events(value, text, at)


def _events(value: object, text: str, at: int) -> Iterator[Given]:
    """Yield the events of a value that ends at a place of the text."""
    if isinstance(value, list):
        for one in value:
            yield from _events(one, text, at)
    elif isinstance(value, dict) and isinstance(value.get("batch"), list) and "type" not in value:
        beside = {name: value[name] for name in _BESIDE if name in value}
        for one in value["batch"]:
            yield Given(one, beside)
    elif isinstance(value, dict):
        yield Given(value, {})
    else:
        line = text.count("\n", 0, at) + 1  # only where it is told: counting takes a while
        yield Given(problem=f"line {line} holds no JSON object; give events, lists of them, or batches")


def _wrong(error: Exception, text: str, at: int) -> str:
    if isinstance(error, json.JSONDecodeError):
        return f"line {error.lineno} is not JSON: {error.msg}"
    return f"line {text.count(chr(10), 0, at) + 1} is JSON that nests too deeply"


def _next_beginning(text: str, at: int) -> int:
    """Return where the next value may begin: at the start of a line; the rest of one is skipped."""
    while (end := text.find("\n", at)) >= 0:
        at = end + 1
        if text.startswith(_BEGINNINGS, at):
            return at
    return len(text)
