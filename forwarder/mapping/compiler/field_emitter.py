"""How the fields of an action are written: each value is looked at once, by the rule of its field."""

from forwarder.mapping.compiler.interface import Generator
from forwarder.mapping.compiler.rules import Errors, Rule, Rules, Values, plain_check
from forwarder.mapping.compiler.scope import NodeContext
from forwarder.mapping.paths import parse_path, without_root
from forwarder.mapping.shapes import directive_of, is_plain_object


def emit_fields(gen: Generator, node: dict[str, object], rules: Rules, context: NodeContext) -> str:
    """Write the statements that fill the result as the rules say; return what ``CoercedFields`` does."""
    lines = ["r, w, e = {}, {}, {}"]
    lines += _fields(gen, node, rules, context, "r", is_open=False)
    context.scope.lines += lines
    return "(r, w, e)"


def _fields(
    gen: Generator, node: dict[str, object], rules: Rules, context: NodeContext, into: str, *, is_open: bool
) -> list[str]:
    """Return the statements that put an object's fields, as far as they fit, into a local object."""
    lines: list[str] = []
    open_parent = ""  # the object under whose ``if ... is not E`` the last statements stand
    for key, one in node.items():
        rule, below, name = rules.get(key), context.below(key), gen.constant(key)
        to = "w" if rule is not None and rule.apart else into
        parent = ""
        if rule is not None and rule.properties is not None and is_plain_object(one):
            assert isinstance(one, dict)
            local = f"o{next(gen.numbers)}"
            inner = _fields(gen, one, rule.properties, below, local, is_open=rule.is_open)
            lines += [f"{local} = {to}[{name}] = {{}}", *inner]
        elif rule is not None and not isinstance(one, (dict, list)):
            lines += _constant(gen, one, rule, to, name)
        else:
            value = gen.expression(one, below.raw() if rule and rule.is_scalar else below)
            assign = _assign(gen, rule, to, name, is_open=is_open)
            parent, last_key = _known_object(one, below)
            if parent:
                lines += _looked_up(gen, parent, last_key, assign, is_open=parent == open_parent)
            else:
                lines += [f"v = {value}", *assign]
        open_parent = parent
    return lines


def _known_object(node: object, context: NodeContext) -> tuple[str, str]:
    """Return the local name of the object that surely holds a path's last key, and that key; else ""."""
    keys = _path(node)
    parent = context.scope.path_locals[keys[:-1]] if keys else ""
    if not parent or context.scope.may_hold_undefined or not context.scope.is_object(parent):
        return "", ""
    return parent, keys[-1]


def _looked_up(gen: Generator, parent: str, key: str, assign: list[str], *, is_open: bool) -> list[str]:
    """Return the statements that assign what lies at a key of an object, if there is anything.

    ``is_open``: the statements before stand under the same object's check.
    """
    name = gen.constant(key)  # most fields are absent, and asking whether costs least
    lines = [f"if {name} in {parent}:", f"    v = {parent}[{name}]", *_indented(assign)]
    if parent == "p":
        return lines
    # events lack whole objects: nothing is looked up in them
    return [*([] if is_open else [f"if {parent} is not E:"]), *_indented(lines)]


def _indented(lines: list[str]) -> list[str]:
    return [f"    {line}" for line in lines]


def _assign(gen: Generator, rule: Rule | None, into: str, name: str, *, is_open: bool) -> list[str]:
    """Return the statements that give an object the value ``v``, as far as it fits."""
    if rule is None:
        return [f"if v is not U: {into}[{name}] = v"] if is_open else []
    put = f"v is not U: {gen.constant(rule.put)}({into}, v, e)"
    if rule.plain is None:
        return [f"if {put}"]
    return [f"if {plain_check('v', rule.plain, empty=rule.empty)}: {into}[{name}] = v", f"elif {put}"]


def _path(node: object) -> tuple[str, ...]:
    """Return the keys of a path's node, none for other nodes and the payload."""
    if directive_of(node) != "@path" or not isinstance(node, dict) or not isinstance(node["@path"], str):
        return ()
    return parse_path(without_root(node["@path"]))


def _constant(gen: Generator, value: object, rule: Rule, into: str, name: str) -> list[str]:
    """Return the statement for a value that is the same for every event: it is looked at here, once."""
    values: Values = {}
    errors: Errors = {}
    rule.put(values, value, errors)
    if errors:
        return [f"{gen.constant(rule.put)}({into}, {gen.constant(value)}, e)"]
    return [f"{into}[{name}] = {gen.constant(one)}" for one in values.values()]
