"""How each directive is written as a Python expression.

Options are read here, once; where the reference finds a mistake in them only when it evaluates, the
expression fails when it is evaluated.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeAlias

from forwarder.errors import MappingError
from forwarder.javascript.values import UNDEFINED, truthy
from forwarder.mapping.compiler.scope import NodeContext, Scope
from forwarder.mapping.paths import parse_path, without_root
from forwarder.mapping.runtime import liquid
from forwarder.mapping.runtime.templates import pieces
from forwarder.mapping.shapes import directive_of, kind_of
from forwarder.mapping.validation import validate

if TYPE_CHECKING:
    from forwarder.mapping.compiler.generator import Generator

Writer: TypeAlias = "Callable[[Generator, str, Any, NodeContext], str]"
"""(generator, name of the constant an error names, the directive's argument, its spot) to expression."""


def _if(write: "Generator", where: str, options: Any, spot: NodeContext) -> str:
    """``@if``: ``exists`` wins over ``blank``; a falsy ``else`` counts as none."""
    if not isinstance(options, dict) or not (truthy(options.get("exists")) or truthy(options.get("blank"))):
        return write.failure(where, "needs an object with 'exists' or 'blank'")
    if "exists" in options:
        condition = f"(v := {write.expression(options['exists'], spot.raw())}) is not None and v is not U"
    else:
        condition = f"is_filled({write.expression(options['blank'], spot.raw())})"
    if (
        "then" in options
        and _is_plain_path(options["then"], spot)
        and options.get("exists") == options["then"]
    ):
        yes = "v"  # what was found needs no second look
    else:
        yes = write.expression(options["then"], spot.below("then")) if "then" in options else "U"
    no = write.expression(options["else"], spot.below("else")) if truthy(options.get("else")) else "U"
    return f"({yes} if {condition} else {no})"


def _is_plain_path(node: object, spot: NodeContext) -> bool:
    """Tell whether a node is a path whose value is taken as it is."""
    if spot.scope.holed or directive_of(node) != "@path" or not isinstance(node, dict):
        return False
    return isinstance(node["@path"], str)


def _case(write: "Generator", where: str, options: Any, spot: NodeContext) -> str:
    """``@case``."""
    if not isinstance(options, dict) or not truthy(options.get("operator")):
        return write.failure(where, "needs an object with 'operator'")
    if not truthy(options.get("value")):
        return "U"
    value = write.expression(options["value"], spot.raw())
    return write.cleaned(f"change_case({where}, {value}, {write.constant(options['operator'])})", spot)


def _replace(write: "Generator", where: str, options: Any, spot: NodeContext) -> str:
    """``@replace``: options of wrong types give "" for any value."""
    if not isinstance(options, dict) or not truthy(options.get("pattern")):
        return write.failure(where, "needs an object with 'pattern'")
    if not truthy(options.get("value")):
        return "U"
    value = write.expression(options["value"], spot.raw())
    steps = []
    for number in ("", "2"):
        pattern, replacement = options.get(f"pattern{number}"), options.get(f"replacement{number}")
        if truthy(pattern):
            steps.append((pattern, "" if replacement is None else replacement))
    ignore_case, everywhere = options.get("ignorecase"), options.get("global")
    ignore_case = False if ignore_case is None else ignore_case
    everywhere = True if everywhere is None else everywhere
    texts = [isinstance(pattern, str) and isinstance(replacement, str) for pattern, replacement in steps]
    if not (texts[0] and isinstance(ignore_case, bool) and isinstance(everywhere, bool)):
        steps = []
    usable = write.constant([one for one, good in zip(steps, texts, strict=False) if good])
    flags = f"{write.constant(ignore_case)}, {write.constant(everywhere)}"
    return f"replace({where}, {value}, {usable}, {flags})"


def _array_path(write: "Generator", where: str, options: Any, spot: NodeContext) -> str:
    """``@arrayPath``: [path or directive, shape]."""
    if not isinstance(options, list):
        return write.failure(where, f"needs an array of path and shape, got {kind_of(options)}")
    path = options[0] if options else UNDEFINED
    shape = options[1] if len(options) > 1 else None
    if isinstance(path, str):
        root = write.path(parse_path(without_root(path)), spot.scope)
        unclean = spot.scope.holed
    else:
        root = "U" if path is UNDEFINED else write.expression(path, spot.raw())
        unclean = True
    if not isinstance(shape, dict) or not shape:
        return write.cleaned(root, spot) if unclean else root
    if spot.final and directive_of(shape) is None and not unclean:
        item = write.function(shape, spot.deeper(), Scope(holed=False))
        return f"(each(v, {item}) if (v := {root}) is not U else U)"
    item = write.function(shape, spot.raw(), Scope(holed=True))
    return write.cleaned(f"each({root}, {item})", spot)


def _path(write: "Generator", where: str, options: Any, spot: NodeContext) -> str:
    """``@path``."""
    if isinstance(options, str):
        value = write.path(parse_path(without_root(options)), spot.scope)
    elif directive_of(options) is None:
        return write.failure(where, f"expected a string, got {kind_of(options)}")
    else:
        value = f"dynamic_path({where}, {write.expression(options, spot.raw())}, p)"
    return write.cleaned(value, spot) if spot.scope.holed else value


def _template(write: "Generator", where: str, options: Any, spot: NodeContext) -> str:
    """``@template``."""
    if not isinstance(options, str):
        if directive_of(options) is None:
            return write.failure(where, f"expected a string, got {kind_of(options)}")
        return f"dynamic_template({where}, {write.expression(options, spot.raw())}, p)"
    if "{{{" in options:  # What is filled in may hold further braces: only at evaluation is the text known.
        return f"dynamic_template({where}, {write.constant(options)}, p)"
    parts: list[str] = []
    for text, path in pieces(options, 2):
        if text or path is None:
            parts.append(write.constant(text))
        if path is not None:
            keys = parse_path(path)
            parts.append(f"text_of({write.path(keys, spot.scope) if keys else '{} if p is U else p'})")
    return f"({' + '.join(parts)})"


def _literal(write: "Generator", where: str, options: Any, spot: NodeContext) -> str:
    """``@literal``: directives in it are resolved all the same."""
    return write.expression(options, spot)


def _flatten(write: "Generator", where: str, options: Any, spot: NodeContext) -> str:
    """``@flatten``."""
    if not isinstance(options, dict) or not truthy(options.get("separator")):
        return write.failure(where, "needs an object with 'separator'")
    separator = write.expression(options["separator"], spot.raw())
    value = write.expression(options["value"], spot.raw()) if "value" in options else "U"
    keep_arrays = write.constant(truthy(options.get("omitArrays")))
    return write.cleaned(f"flatten({where}, {value}, {separator}, {keep_arrays})", spot)


def _json(write: "Generator", where: str, options: Any, spot: NodeContext) -> str:
    """``@json``."""
    if not isinstance(options, dict) or not truthy(options.get("mode")) or not truthy(options.get("value")):
        return write.failure(where, "needs an object with 'mode' and 'value'")
    value = write.expression(options["value"], spot.raw())
    if options["mode"] == "encode":
        return f"encode({value})"
    if options["mode"] == "decode":
        return write.cleaned(f"decode({value})", spot)
    return f"({value}, U)[1]"


def _merge(write: "Generator", where: str, options: Any, spot: NodeContext) -> str:
    """``@merge``."""
    if not isinstance(options, dict) or not truthy(options.get("direction")):
        return write.failure(where, "needs an object with 'direction'")
    if not isinstance(options.get("objects"), list):
        return write.failure(where, "needs an array 'objects'")
    direction = write.expression(options["direction"], spot.raw())
    objects = write.expression(options["objects"], spot.raw())
    return write.cleaned(f"merge({direction}, {objects})", spot)


def _transform(write: "Generator", where: str, options: Any, spot: NodeContext) -> str:
    """``@transform``: ``apply`` is validated like a mapping of its own."""
    if not isinstance(options, dict) or not truthy(options.get("mapping")):
        return write.failure(where, "needs an object with 'apply' and 'mapping'")
    if not isinstance(options.get("apply"), dict):
        return write.failure(where, "'apply' should be an object")
    try:
        validate(options["apply"])
    except MappingError as error:
        return write.failure(where, f"'apply': {error}")
    apply = write.function(options["apply"], spot.raw())
    mapping = write.function(options["mapping"], spot.raw(), Scope(holed=True))
    return write.cleaned(f"transform({where}, {apply}, p, {mapping})", spot)


def _exclude_when_null(write: "Generator", where: str, options: Any, spot: NodeContext) -> str:
    """``@excludeWhenNull``."""
    return write.cleaned(f"exclude_nulls({write.expression(options, spot.raw())})", spot)


def _liquid(write: "Generator", where: str, options: Any, spot: NodeContext) -> str:
    """``@liquid``: parsed here, once; a mistake in it shows at evaluation, as in the reference."""
    if not isinstance(options, str):
        return write.failure(where, f"needs a string, got {kind_of(options)}")
    try:
        template = liquid.template(options, spot.place, write.clock)
    except MappingError as error:
        return write.failure(where, str(error))
    return f"{write.constant(template)}(p)"


WRITERS: dict[str, Writer] = {
    "@if": _if,
    "@case": _case,
    "@replace": _replace,
    "@arrayPath": _array_path,
    "@path": _path,
    "@template": _template,
    "@literal": _literal,
    "@flatten": _flatten,
    "@json": _json,
    "@merge": _merge,
    "@transform": _transform,
    "@excludeWhenNull": _exclude_when_null,
    "@liquid": _liquid,
}
