"""Terraform files, as Segment's Git Sync writes them: subscriptions of destinations as resources.

Attributes are HCL; a mapping stands in ``jsonencode({...})`` or as JSON text. Whatever needs Terraform itself
to be known (variables, functions, other resources) is told as a problem, for it would change what is sent.
"""

import json
import re
from collections.abc import Iterator
from typing import Final

import hcl2

RESOURCE: Final = "segment_destination_subscription"
_JSONENCODE = re.compile(r"\$\{\s*jsonencode\((.*)\)\s*\}", re.DOTALL)
_ESCAPE = re.compile(r"\\(u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|.)|\$\$\{|%%\{|[$%]\{([^}]*)\}")
_ESCAPES: Final = {"n": "\n", "r": "\r", "t": "\t", '"': '"', "\\": "\\"}


class UnknownValueError(ValueError):
    """A value that only Terraform knows; the message names it."""


def read_terraform(text: str) -> tuple[list[dict[str, object]], list[str]]:
    """Return the subscriptions of a Terraform file, and a line for each that cannot be read.

    Raises ValueError where the text is no HCL.
    """
    try:
        document = hcl2.loads(text)
    except Exception as error:  # lark's, of many kinds
        line = getattr(error, "line", None)
        raise ValueError(f"is no Terraform file{f', see line {line}' if line else ''}") from None
    found, problems = [], []
    for name, attributes in _resources(document):
        try:
            found.append(
                {key: _value(value, key) for key, value in attributes.items() if key != "__is_block__"}
            )
        except UnknownValueError as error:
            problems.append(f"{RESOURCE} {name}: {error}; write the value itself")
    return found, problems


def _resources(document: dict[str, object]) -> Iterator[tuple[str, dict[str, object]]]:
    blocks = document.get("resource")
    for block in blocks if isinstance(blocks, list) else ():
        for kind, named in block.items():
            if _bare(kind) != RESOURCE or not isinstance(named, dict):
                continue
            for name, attributes in named.items():
                if isinstance(attributes, dict):
                    yield _bare(name), attributes


def _value(value: object, path: str) -> object:
    """Return a value of the parser's as JSON has it; texts are quoted there, expressions are not."""
    if isinstance(value, dict):
        return {_bare(key): _value(inner, f"{path}.{_bare(key)}") for key, inner in value.items()}
    if isinstance(value, list):
        return [_value(inner, f"{path}.{place}") for place, inner in enumerate(value)]
    if not isinstance(value, str):
        return value
    if encoded := _JSONENCODE.fullmatch(value):
        return _encoded(encoded[1], path)
    if len(value) > 1 and value[0] == value[-1] == '"':
        return _unescaped(value[1:-1], path)
    if value in ("true", "false", "null"):
        return json.loads(value)
    raise UnknownValueError(f"{path}: {value[:60]} is an expression")


def _encoded(expression: str, path: str) -> object:
    try:
        return _value(hcl2.loads(f"value = {expression}\n")["value"], path)
    except UnknownValueError:
        raise
    except Exception:  # lark's, of many kinds
        raise UnknownValueError(f"{path}: jsonencode() of something that is no plain value") from None


def _unescaped(text: str, path: str) -> str:
    def replaced(found: re.Match[str]) -> str:
        escape, expression = found[1], found[2]
        if expression is not None:
            raise UnknownValueError(f"{path}: ${{{expression[:40]}}} is an expression")
        if escape is None:
            return found[0][1:]  # $${ stands for ${
        if escape[0] in "uU" and len(escape) > 1:
            return chr(int(escape[1:], 16))
        return _ESCAPES.get(escape, escape)

    return _ESCAPE.sub(replaced, text)


def _bare(key: object) -> str:
    text = str(key)
    return _unescaped(text[1:-1], "key") if len(text) > 1 and text[0] == text[-1] == '"' else text
