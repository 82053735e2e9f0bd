"""How the fields of an action are written: each value is looked at once, by the rule of its field."""

from typing import TYPE_CHECKING

from forwarder.mapping.compiler.rules import Errors, Rule, Rules, Values, plain_check
from forwarder.mapping.compiler.scope import NodeContext
from forwarder.mapping.paths import parse_path, without_root
from forwarder.mapping.shapes import directive_of, is_plain_object

if TYPE_CHECKING:
    from forwarder.mapping.compiler.generator import Generator


def emit_fields(write: "Generator", node: dict[str, object], rules: Rules, spot: NodeContext) -> str:
    """Write the statements that fill the result as the rules say; return what ``CoercedFields`` does."""
    lines = ["r, w, e = {}, {}, {}"]
    lines += _fields(write, node, rules, spot, "r", is_open=False)
    spot.scope.lines += lines
    return "(r, w, e)"


def _fields(
    write: "Generator", node: dict[str, object], rules: Rules, spot: NodeContext, into: str, *, is_open: bool
) -> list[str]:
    """Return the statements that put an object's fields, as far as they fit, into a local object."""
    lines: list[str] = []
    last_parent = ""
    for key, one in node.items():
        rule, below, name = rules.get(key), spot.below(key), write.constant(key)
        to = "w" if rule is not None and rule.apart else into
        if rule is not None and rule.properties is not None and is_plain_object(one):
            assert isinstance(one, dict)
            local = f"o{next(write.numbers)}"
            inner = _fields(write, one, rule.properties, below, local, is_open=rule.is_open)
            lines += [f"{local} = {to}[{name}] = {{}}", *inner]
            last_parent = ""
            continue
        if rule is not None and not isinstance(one, (dict, list)):
            lines += _constant(write, one, rule, to, name)
            last_parent = ""
            continue
        value = write.expression(one, below.raw() if rule and rule.is_scalar else below)
        put = _assign(write, rule, to, name, is_open=is_open)
        keys = _path(one)
        parent = below.scope.ways[keys[:-1]] if keys else ""
        if not parent or below.scope.holed or not below.scope.is_object(parent):
            lines += [f"v = {value}", *put]
            last_parent = ""
            continue
        key_name = write.constant(keys[-1])  # most fields are absent, and asking whether costs least
        put = [f"if {key_name} in {parent}:", f"    v = {parent}[{key_name}]", *_indented(put)]
        if parent != "p":  # events lack whole objects: nothing is looked up in them
            put = [*([] if parent == last_parent else [f"if {parent} is not E:"]), *_indented(put)]
        last_parent = parent
        lines += put
    return lines


def _indented(lines: list[str]) -> list[str]:
    return [f"    {line}" for line in lines]


def _assign(write: "Generator", rule: Rule | None, into: str, name: str, *, is_open: bool) -> list[str]:
    """Return the statements that give an object the value ``v``, as far as it fits."""
    if rule is None:
        return [f"if v is not U: {into}[{name}] = v"] if is_open else []
    put = f"v is not U: {write.constant(rule.put)}({into}, v, e)"
    if rule.plain is None:
        return [f"if {put}"]
    return [f"if {plain_check('v', rule.plain, empty=rule.empty)}: {into}[{name}] = v", f"elif {put}"]


def _path(node: object) -> tuple[str, ...]:
    """Return the keys of a path's node, none for other nodes and the payload."""
    if directive_of(node) != "@path" or not isinstance(node, dict) or not isinstance(node["@path"], str):
        return ()
    return parse_path(without_root(node["@path"]))


def _constant(write: "Generator", value: object, rule: Rule, into: str, name: str) -> list[str]:
    """Return the statement for a value that is the same for every event: it is looked at here, once."""
    values: Values = {}
    errors: Errors = {}
    rule.put(values, value, errors)
    if errors:
        return [f"{write.constant(rule.put)}({into}, {write.constant(value)}, e)"]
    return [f"{into}[{name}] = {write.constant(one)}" for one in values.values()]
