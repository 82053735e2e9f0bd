"""How each directive is written as a Python expression.

Options are read here, once; where the reference finds a mistake in them only when it evaluates, the
expression fails when it is evaluated.
"""

from collections.abc import Callable
from typing import Any, TypeAlias

from forwarder.errors import MappingError
from forwarder.javascript.values import UNDEFINED, truthy
from forwarder.mapping.compiler.interface import Generator
from forwarder.mapping.compiler.scope import NodeContext, Scope
from forwarder.mapping.paths import parse_path, without_root
from forwarder.mapping.runtime import liquid
from forwarder.mapping.runtime.templates import pieces
from forwarder.mapping.shapes import directive_of, kind_of
from forwarder.mapping.validation import validate

Emitter: TypeAlias = Callable[[Generator, str, Any, NodeContext], str]
"""(generator, name of the constant an error names, the directive's argument, its context) to expression."""


def _if(gen: Generator, where: str, options: Any, context: NodeContext) -> str:
    """``@if``: ``exists`` wins over ``blank``; a falsy ``else`` counts as none."""
    if not isinstance(options, dict) or not (truthy(options.get("exists")) or truthy(options.get("blank"))):
        return gen.failure(where, "needs an object with 'exists' or 'blank'")
    if "exists" in options:
        condition = f"(v := {gen.expression(options['exists'], context.raw())}) is not None and v is not U"
    else:
        condition = f"is_filled({gen.expression(options['blank'], context.raw())})"
    if (
        "then" in options
        and _is_plain_path(options["then"], context)
        and options.get("exists") == options["then"]
    ):
        yes = "v"  # what was found needs no second look
    else:
        yes = gen.expression(options["then"], context.below("then")) if "then" in options else "U"
    no = gen.expression(options["else"], context.below("else")) if truthy(options.get("else")) else "U"
    return f"({yes} if {condition} else {no})"


def _is_plain_path(node: object, context: NodeContext) -> bool:
    """Return whether a node is a path whose value is taken as it is."""
    if context.scope.may_hold_undefined or directive_of(node) != "@path" or not isinstance(node, dict):
        return False
    return isinstance(node["@path"], str)


def _case(gen: Generator, where: str, options: Any, context: NodeContext) -> str:
    """``@case``."""
    if not isinstance(options, dict) or not truthy(options.get("operator")):
        return gen.failure(where, "needs an object with 'operator'")
    if not truthy(options.get("value")):
        return "U"
    value = gen.expression(options["value"], context.raw())
    return gen.cleaned(f"change_case({where}, {value}, {gen.constant(options['operator'])})", context)


def _replace(gen: Generator, where: str, options: Any, context: NodeContext) -> str:
    """``@replace``: options of wrong types give "" for any value."""
    if not isinstance(options, dict) or not truthy(options.get("pattern")):
        return gen.failure(where, "needs an object with 'pattern'")
    if not truthy(options.get("value")):
        return "U"
    value = gen.expression(options["value"], context.raw())
    ignore_case = _or_default(options.get("ignorecase"), False)
    everywhere = _or_default(options.get("global"), True)
    steps = _replacements(options)
    usable = [step for step in steps if _are_texts(step)]
    if not (_are_texts(steps[0]) and isinstance(ignore_case, bool) and isinstance(everywhere, bool)):
        usable = []
    flags = f"{gen.constant(ignore_case)}, {gen.constant(everywhere)}"
    return f"replace({where}, {value}, {gen.constant(usable)}, {flags})"


def _replacements(options: dict[str, Any]) -> list[tuple[object, object]]:
    """Return each pattern that is given, with its replacement."""
    return [
        (options[f"pattern{number}"], _or_default(options.get(f"replacement{number}"), ""))
        for number in ("", "2")
        if truthy(options.get(f"pattern{number}"))
    ]


def _are_texts(step: tuple[object, object]) -> bool:
    return all(isinstance(part, str) for part in step)


def _or_default(value: object, default: object) -> object:
    return default if value is None else value


def _array_path(gen: Generator, where: str, options: Any, context: NodeContext) -> str:
    """``@arrayPath``: [path or directive, shape]."""
    if not isinstance(options, list):
        return gen.failure(where, f"needs an array of path and shape, got {kind_of(options)}")
    path = options[0] if options else UNDEFINED
    shape = options[1] if len(options) > 1 else None
    if isinstance(path, str):
        root = gen.path(parse_path(without_root(path)), context.scope)
        unclean = context.scope.may_hold_undefined
    else:
        root = "U" if path is UNDEFINED else gen.expression(path, context.raw())
        unclean = True
    if not isinstance(shape, dict) or not shape:
        return gen.cleaned(root, context) if unclean else root
    if context.final and directive_of(shape) is None and not unclean:
        item = gen.function(shape, context.deeper(), Scope(may_hold_undefined=False))
        return f"(each(v, {item}) if (v := {root}) is not U else U)"
    item = gen.function(shape, context.raw(), Scope(may_hold_undefined=True))
    return gen.cleaned(f"each({root}, {item})", context)


def _path(gen: Generator, where: str, options: Any, context: NodeContext) -> str:
    """``@path``."""
    if isinstance(options, str):
        value = gen.path(parse_path(without_root(options)), context.scope)
    elif directive_of(options) is None:
        return gen.failure(where, f"expected a string, got {kind_of(options)}")
    else:
        value = f"dynamic_path({where}, {gen.expression(options, context.raw())}, p)"
    return gen.cleaned(value, context) if context.scope.may_hold_undefined else value


def _template(gen: Generator, where: str, options: Any, context: NodeContext) -> str:
    """``@template``."""
    if not isinstance(options, str):
        if directive_of(options) is None:
            return gen.failure(where, f"expected a string, got {kind_of(options)}")
        return f"dynamic_template({where}, {gen.expression(options, context.raw())}, p)"
    if "{{{" in options:  # What is filled in may hold further braces: only at evaluation is the text known.
        return f"dynamic_template({where}, {gen.constant(options)}, p)"
    parts: list[str] = []
    for text, path in pieces(options, 2):
        if text or path is None:
            parts.append(gen.constant(text))
        if path is not None:
            keys = parse_path(path)
            parts.append(f"text_of({gen.path(keys, context.scope) if keys else '{} if p is U else p'})")
    return f"({' + '.join(parts)})"


def _literal(gen: Generator, where: str, options: Any, context: NodeContext) -> str:
    """``@literal``: directives in it are resolved all the same."""
    return gen.expression(options, context)


def _flatten(gen: Generator, where: str, options: Any, context: NodeContext) -> str:
    """``@flatten``."""
    if not isinstance(options, dict) or not truthy(options.get("separator")):
        return gen.failure(where, "needs an object with 'separator'")
    separator = gen.expression(options["separator"], context.raw())
    value = gen.expression(options["value"], context.raw()) if "value" in options else "U"
    keep_arrays = gen.constant(truthy(options.get("omitArrays")))
    return gen.cleaned(f"flatten({where}, {value}, {separator}, {keep_arrays})", context)


def _json(gen: Generator, where: str, options: Any, context: NodeContext) -> str:
    """``@json``."""
    if not isinstance(options, dict) or not truthy(options.get("mode")) or not truthy(options.get("value")):
        return gen.failure(where, "needs an object with 'mode' and 'value'")
    value = gen.expression(options["value"], context.raw())
    if options["mode"] == "encode":
        return f"encode({value})"
    if options["mode"] == "decode":
        return gen.cleaned(f"decode({value})", context)
    return f"({value}, U)[1]"


def _merge(gen: Generator, where: str, options: Any, context: NodeContext) -> str:
    """``@merge``."""
    if not isinstance(options, dict) or not truthy(options.get("direction")):
        return gen.failure(where, "needs an object with 'direction'")
    if not isinstance(options.get("objects"), list):
        return gen.failure(where, "needs an array 'objects'")
    direction = gen.expression(options["direction"], context.raw())
    objects = gen.expression(options["objects"], context.raw())
    return gen.cleaned(f"merge({direction}, {objects})", context)


def _transform(gen: Generator, where: str, options: Any, context: NodeContext) -> str:
    """``@transform``: ``apply`` is validated like a mapping of its own."""
    if not isinstance(options, dict) or not truthy(options.get("mapping")):
        return gen.failure(where, "needs an object with 'apply' and 'mapping'")
    if not isinstance(options.get("apply"), dict):
        return gen.failure(where, "'apply' should be an object")
    try:
        validate(options["apply"])
    except MappingError as error:
        return gen.failure(where, f"'apply': {error}")
    apply = gen.function(options["apply"], context.raw())
    mapping = gen.function(options["mapping"], context.raw(), Scope(may_hold_undefined=True))
    return gen.cleaned(f"transform({where}, {apply}, p, {mapping})", context)


def _exclude_when_null(gen: Generator, where: str, options: Any, context: NodeContext) -> str:
    """``@excludeWhenNull``."""
    return gen.cleaned(f"exclude_nulls({gen.expression(options, context.raw())})", context)


def _liquid(gen: Generator, where: str, options: Any, context: NodeContext) -> str:
    """``@liquid``: parsed here, once; a mistake in it shows at evaluation, as in the reference."""
    if not isinstance(options, str):
        return gen.failure(where, f"needs a string, got {kind_of(options)}")
    try:
        template = liquid.template(options, context.place, gen.clock)
    except MappingError as error:
        return gen.failure(where, str(error))
    return f"{gen.constant(template)}(p)"


EMITTERS: dict[str, Emitter] = {
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
