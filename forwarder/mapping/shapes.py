"""What kind of node a piece of a mapping is."""

from forwarder.errors import MappingError
from forwarder.javascript.values import string_units

ROOT_KEY = "__segment_internal_directive"
"""At the root: its directive gets all other fields as its ``mapping``."""

METADATA = "_metadata"
"""The one key that may stand beside a directive; ignored."""


def directive_of(node: object) -> str | None:
    """Return the name (``@path``) if the node is evaluated as a directive: ``@`` keys and nothing else.

    None for values, lists and plain objects. Of several ``@`` keys the first counts.
    """
    if not isinstance(node, dict):
        return None
    names: list[str] = [key for key in node if key.startswith("@")]
    if names and all(key == METADATA or key.startswith("@") for key in node):
        return names[0]
    return None


def has_directive_key(node: object) -> bool:
    """Return whether the node is an object with some ``@`` key, right or wrong."""
    return isinstance(node, dict) and any(key.startswith("@") for key in node)


def is_plain_object(node: object) -> bool:
    """Return whether the node is an object of fields and no directive, right or wrong."""
    return isinstance(node, dict) and not has_directive_key(node) and ROOT_KEY not in node


def kind_of(node: object) -> str:
    """Return the JSON type with its article, for messages; ``directive`` for objects with ``@`` keys."""
    if isinstance(node, bool):
        return "a boolean"
    if isinstance(node, dict):
        return "a directive" if has_directive_key(node) else "an object"
    names = {str: "a string", int: "a number", float: "a number", list: "an array", type(None): "null"}
    return names.get(type(node), "missing")


def root_of(mapping: object) -> object:
    """Return the mapping as it is evaluated.

    A list or text becomes an object by index, another value an empty object, as the reference spreads them;
    a root directive takes the other fields in. Raises MappingError for null and for a root directive that is
    none.
    """
    if mapping is None:
        raise MappingError("is null; give an object of fields")
    if isinstance(mapping, (list, str)):
        items = string_units(mapping) if isinstance(mapping, str) else mapping
        return {str(index): item for index, item in enumerate(items)}
    if not isinstance(mapping, dict):
        return {}
    if ROOT_KEY not in mapping:
        return mapping
    root = mapping[ROOT_KEY]
    if not isinstance(root, dict) or len(root) != 1:
        raise MappingError('must be one directive, for example {"@transform": {...}}', ROOT_KEY)
    [(name, options)] = root.items()
    if isinstance(options, list):
        return root
    if not isinstance(options, dict):
        raise MappingError("must have an object of options", ROOT_KEY, name)
    return {name: {**options, "mapping": {key: node for key, node in mapping.items() if key != ROOT_KEY}}}
