"""The directives that the default mappings use, until the mapping kit takes over."""

import re
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from forwarder.errors import MappingError
from forwarder.js import UNDEFINED, to_string

_MUSTACHE = re.compile(r"\{\{([^}]+)\}\}")


def compile_mapping(mapping: object) -> Callable[[Mapping[str, Any]], object]:
    """Return the function that resolves ``mapping`` against an event."""
    return partial(_resolve, mapping)


def _resolve(node: Any, payload: Mapping[str, Any]) -> Any:
    if isinstance(node, list):
        return [_resolve(one, payload) for one in node]
    if not isinstance(node, dict):
        return node
    directive = next((name for name in node if name.startswith("@")), None)
    if directive is None:
        resolved = {name: _resolve(one, payload) for name, one in node.items()}
        return {name: one for name, one in resolved.items() if one is not UNDEFINED}
    value = node[directive]
    if directive == "@path":
        return _walk(payload, str(value).replace("$.", "", 1))
    if directive == "@template":
        return _MUSTACHE.sub(lambda found: _text(_walk(payload, found[1].strip())), str(value))
    if directive == "@if":
        exists = _resolve(value.get("exists"), payload)
        return _resolve(
            value.get("else" if exists is None or exists is UNDEFINED else "then", UNDEFINED), payload
        )
    if directive == "@arrayPath":
        root = _walk(payload, value[0].replace("$.", "", 1))
        if not isinstance(root, (dict, list)):
            return root
        return [_resolve(value[1], one) for one in (root if isinstance(root, list) else [root])]
    raise MappingError("is not known", directive=directive)


def _walk(payload: Any, path: str) -> Any:
    value: Any = payload
    for name in path.split("."):
        if isinstance(value, dict):
            value = value.get(name, UNDEFINED)
        elif not value:
            break
        else:
            return UNDEFINED
    return value


def _text(value: object) -> str:
    return "" if value is None or value is UNDEFINED else to_string(value)
