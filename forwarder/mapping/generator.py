"""A mapping to the source of one Python module, and that to a function.

Every node becomes an expression. Nothing of the mapping is written into the source: keys, paths and values
are constants of the module's namespace (``k0``, ``k1``, ...), so no configuration text can become code, and
payloads are only ever data. For the default fields of an event the source looks like this (with the
constants' values)::

    def f0(p):
        a0 = p.get("context", U) if p.__class__ is dict else step(p, "context")
        return drop({
            "user_id": p.get("userId", U) if p.__class__ is dict else step(p, "userId"),
            "country": ...,
        })
"""

import itertools
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from forwarder.errors import MappingError
from forwarder.js import UNDEFINED, truthy
from forwarder.mapping import cleaning, directives, liquid
from forwarder.mapping.paths import parse_path, without_root
from forwarder.mapping.shapes import directive_of, kind_of
from forwarder.mapping.templates import pieces, render, text_of
from forwarder.mapping.validation import CHECKS, validate
from forwarder.paths import walk

MAX_DEPTH = 100
"""Deepest nesting of a mapping."""

OUTLINE_DEPTH = 10
"""So deep an expression may nest before the rest gets a function of its own (Python's parser has a bound)."""


def step(value: object, key: str) -> object:
    """Walk one key into anything."""
    return walk(value, (key,))


HELPERS: dict[str, Any] = {
    "U": UNDEFINED,
    "step": step,
    "text_of": text_of,
    "render": render,
    "drop": cleaning.drop,
    "clean": cleaning.clean,
    "exclude_nulls": cleaning.exclude_nulls,
    **{
        function.__name__: function
        for function in (
            directives.fail,
            directives.dynamic_path,
            directives.dynamic_template,
            directives.is_filled,
            directives.change_case,
            directives.replace,
            directives.each,
            directives.flatten,
            directives.encode,
            directives.decode,
            directives.merge,
            directives.transform,
        )
    },
}


@dataclass(slots=True)
class Scope:
    """One generated function: ``p`` is its payload, ``ways`` the local names of objects that paths share.

    ``holed``: the payload came from ``@transform``, so its lists may hold undefined elements.
    """

    holed: bool
    ways: dict[tuple[str, ...], str] = field(default_factory=lambda: {(): "p"})
    lines: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Spot:
    """Where a node is: its ``place`` for errors, its depth, and whether its value is the end result.

    At the end (``final``) undefined fields are dropped and undefined elements null; below a directive that
    looks at the value they still count.
    """

    place: str
    scope: Scope
    final: bool
    depth: int = 0
    nesting: int = 0

    def below(self, key: str) -> "Spot":
        """Return the spot of a field."""
        place = f"{self.place}.{key}" if self.place else key
        return Spot(place, self.scope, self.final, self.depth + 1, self.nesting + 1)

    def raw(self) -> "Spot":
        """Return the spot of a value that a directive looks at."""
        return Spot(self.place, self.scope, False, self.depth + 1, self.nesting + 1)

    def inside(self, scope: Scope) -> "Spot":
        """Return the spot of the same node in another function."""
        return Spot(self.place, scope, self.final, self.depth + 1, 0)


class Generator:
    """Collects functions and constants; ``compile`` makes them one callable."""

    def __init__(self) -> None:
        self.namespace: dict[str, Any] = dict(HELPERS)
        self.functions: list[str] = []
        self.numbers = itertools.count()

    def compile(self, mapping: object) -> Callable[[object], object]:
        """Return the function of the whole mapping. Raises MappingError if it is nested too deeply."""
        name = self.function(mapping, Spot("", Scope(holed=False), final=True), holed=False)
        source = "\n".join(self.functions)
        exec(compile(source, "<mapping>", "exec"), self.namespace)  # noqa: S102 - see the module's docstring
        compiled: Callable[[object], object] = self.namespace[name]
        return compiled

    def constant(self, value: object) -> str:
        """Return the name of a constant."""
        name = f"k{next(self.numbers)}"
        self.namespace[name] = value
        return name

    def function(self, node: object, spot: Spot, *, holed: bool) -> str:
        """Write a function of a payload for the node and return its name."""
        scope = Scope(holed)
        value = self.expression(node, spot.inside(scope))
        name = f"f{next(self.numbers)}"
        body = "".join(f"    {line}\n" for line in scope.lines)
        self.functions.append(f"def {name}(p):\n{body}    return {value}\n")
        return name

    def expression(self, node: object, spot: Spot) -> str:
        """Return the expression of any node."""
        if spot.depth > MAX_DEPTH:
            raise MappingError(f"nested deeper than {MAX_DEPTH}; flatten the mapping", spot.place[:80])
        if spot.nesting > OUTLINE_DEPTH and isinstance(node, (dict, list)):
            return f"{self.function(node, spot, holed=spot.scope.holed)}(p)"
        name = directive_of(node)
        if name is not None and isinstance(node, dict):
            return self.directive(name, node[name], spot)
        if isinstance(node, dict):
            return self.plain_object(node, spot)
        if isinstance(node, list):
            items = [self.element(item, spot.below(str(index))) for index, item in enumerate(node)]
            return f"[{', '.join(items)}]"
        return self.constant(node)

    def plain_object(self, node: dict[str, object], spot: Spot) -> str:
        """Return the expression of an object's fields."""
        fields = [
            f"{self.constant(key)}: {self.expression(one, spot.below(key))}" for key, one in node.items()
        ]
        value = f"{{{', '.join(fields)}}}"
        dynamic = any(isinstance(one, dict) for one in node.values())
        return f"drop({value})" if spot.final and dynamic else value

    def element(self, node: object, spot: Spot) -> str:
        """Return the expression of a list's element."""
        value = self.expression(node, spot)
        if spot.final and directive_of(node):
            return f"(None if (v := {value}) is U else v)"
        return value

    def cleaned(self, value: str, spot: Spot) -> str:
        """Return the expression of a value in which undefined may be left."""
        return f"clean({value})" if spot.final else value

    def directive(self, name: str, options: Any, spot: Spot) -> str:
        """Return the expression of a directive."""
        write = WRITERS.get(name)
        where = self.constant((spot.place, name))
        if write is None:
            return self.failure(where, f"is no directive; use one of {', '.join(sorted(CHECKS))}")
        return write(self, where, options, spot)

    def failure(self, where: str, message: str) -> str:
        """Return the expression that raises: the reference, too, finds this mistake only here."""
        return f"fail({where}, {self.constant(message)})"

    def path(self, keys: tuple[str, ...], scope: Scope) -> str:
        """Return the expression of a walk; objects on the way are looked up once per function."""
        if not keys:
            return "p"
        for end in range(1, len(keys)):
            way = keys[:end]
            if way not in scope.ways:
                local = f"a{next(self.numbers)}"
                scope.lines.append(f"{local} = {self.one_step(scope.ways[way[:-1]], way[-1])}")
                scope.ways[way] = local
        return f"({self.one_step(scope.ways[keys[:-1]], keys[-1])})"

    def one_step(self, local: str, key: str) -> str:
        """Return the expression of one key below a local name, quick for objects."""
        name = self.constant(key)
        return f"{local}.get({name}, U) if {local}.__class__ is dict else step({local}, {name})"

    def if_(self, where: str, options: Any, spot: Spot) -> str:
        """``@if``: ``exists`` wins over ``blank``; a falsy ``else`` counts as none."""
        if not isinstance(options, dict) or not (
            truthy(options.get("exists")) or truthy(options.get("blank"))
        ):
            return self.failure(where, "needs an object with 'exists' or 'blank'")
        if "exists" in options:
            condition = f"(v := {self.expression(options['exists'], spot.raw())}) is not None and v is not U"
        else:
            condition = f"is_filled({self.expression(options['blank'], spot.raw())})"
        yes = self.expression(options["then"], spot.below("then")) if "then" in options else "U"
        no = self.expression(options["else"], spot.below("else")) if truthy(options.get("else")) else "U"
        return f"({yes} if {condition} else {no})"

    def case(self, where: str, options: Any, spot: Spot) -> str:
        """``@case``."""
        if not isinstance(options, dict) or not truthy(options.get("operator")):
            return self.failure(where, "needs an object with 'operator'")
        if not truthy(options.get("value")):
            return "U"
        value = self.expression(options["value"], spot.raw())
        return self.cleaned(f"change_case({where}, {value}, {self.constant(options['operator'])})", spot)

    def replace(self, where: str, options: Any, spot: Spot) -> str:
        """``@replace``: options of wrong types give "" for any value."""
        if not isinstance(options, dict) or not truthy(options.get("pattern")):
            return self.failure(where, "needs an object with 'pattern'")
        if not truthy(options.get("value")):
            return "U"
        value = self.expression(options["value"], spot.raw())
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
        usable = self.constant([one for one, good in zip(steps, texts, strict=False) if good])
        flags = f"{self.constant(ignore_case)}, {self.constant(everywhere)}"
        return f"replace({where}, {value}, {usable}, {flags})"

    def array_path(self, where: str, options: Any, spot: Spot) -> str:
        """``@arrayPath``: [path or directive, shape]."""
        if not isinstance(options, list):
            return self.failure(where, f"needs an array of path and shape, got {kind_of(options)}")
        path = options[0] if options else UNDEFINED
        shape = options[1] if len(options) > 1 else None
        if isinstance(path, str):
            root = self.path(parse_path(without_root(path)), spot.scope)
            unclean = spot.scope.holed
        else:
            root = "U" if path is UNDEFINED else self.expression(path, spot.raw())
            unclean = True
        if not isinstance(shape, dict) or not shape:
            return self.cleaned(root, spot) if unclean else root
        item = self.function(shape, spot.raw(), holed=True)
        return self.cleaned(f"each({root}, {item})", spot)

    def path_(self, where: str, options: Any, spot: Spot) -> str:
        """``@path``."""
        if isinstance(options, str):
            value = self.path(parse_path(without_root(options)), spot.scope)
            return self.cleaned(value, spot) if spot.scope.holed else value
        value = f"dynamic_path({where}, {self.expression(options, spot.raw())}, p)"
        return self.cleaned(value, spot) if spot.scope.holed else value

    def template(self, where: str, options: Any, spot: Spot) -> str:
        """``@template``."""
        if not isinstance(options, str):
            return f"dynamic_template({where}, {self.expression(options, spot.raw())}, p)"
        if (
            "{{{" in options
        ):  # What is filled in may hold further braces: only at evaluation is the text known.
            return f"render({self.constant(options)}, p)"
        parts: list[str] = []
        for text, path in pieces(options, 2):
            if text or path is None:
                parts.append(self.constant(text))
            if path is not None:
                keys = parse_path(path)
                parts.append(f"text_of({self.path(keys, spot.scope) if keys else '{} if p is U else p'})")
        return f"({' + '.join(parts)})"

    def literal(self, where: str, options: Any, spot: Spot) -> str:
        """``@literal``: directives in it are resolved all the same."""
        return self.expression(options, spot)

    def flatten(self, where: str, options: Any, spot: Spot) -> str:
        """``@flatten``."""
        if not isinstance(options, dict) or not truthy(options.get("separator")):
            return self.failure(where, "needs an object with 'separator'")
        separator = self.expression(options["separator"], spot.raw())
        value = self.expression(options["value"], spot.raw()) if "value" in options else "U"
        keep_arrays = self.constant(truthy(options.get("omitArrays")))
        return self.cleaned(f"flatten({where}, {value}, {separator}, {keep_arrays})", spot)

    def json(self, where: str, options: Any, spot: Spot) -> str:
        """``@json``."""
        if (
            not isinstance(options, dict)
            or not truthy(options.get("mode"))
            or not truthy(options.get("value"))
        ):
            return self.failure(where, "needs an object with 'mode' and 'value'")
        value = self.expression(options["value"], spot.raw())
        if options["mode"] == "encode":
            return f"encode({value})"
        if options["mode"] == "decode":
            return self.cleaned(f"decode({value})", spot)
        return f"({value}, U)[1]"

    def merge(self, where: str, options: Any, spot: Spot) -> str:
        """``@merge``."""
        if not isinstance(options, dict) or not truthy(options.get("direction")):
            return self.failure(where, "needs an object with 'direction'")
        if not isinstance(options.get("objects"), list):
            return self.failure(where, "needs an array 'objects'")
        direction = self.expression(options["direction"], spot.raw())
        objects = self.expression(options["objects"], spot.raw())
        return self.cleaned(f"merge({where}, {direction}, {objects})", spot)

    def transform(self, where: str, options: Any, spot: Spot) -> str:
        """``@transform``: ``apply`` is validated like a mapping of its own."""
        if not isinstance(options, dict) or not truthy(options.get("mapping")):
            return self.failure(where, "needs an object with 'apply' and 'mapping'")
        if not isinstance(options.get("apply"), dict):
            return self.failure(where, "'apply' should be an object")
        try:
            validate(options["apply"])
        except MappingError as error:
            return self.failure(where, f"'apply': {error}")
        apply = self.function(options["apply"], spot.raw(), holed=spot.scope.holed)
        mapping = self.function(options["mapping"], spot.raw(), holed=True)
        return self.cleaned(f"transform({where}, {apply}, p, {mapping})", spot)

    def exclude_when_null(self, where: str, options: Any, spot: Spot) -> str:
        """``@excludeWhenNull``."""
        return self.cleaned(f"exclude_nulls({self.expression(options, spot.raw())})", spot)

    def liquid(self, where: str, options: Any, spot: Spot) -> str:
        """``@liquid``: parsed here, once; a mistake in it shows at evaluation, as in the reference."""
        if not isinstance(options, str):
            return self.failure(where, f"needs a string, got {kind_of(options)}")
        return f"{self.constant(liquid.template(options, spot.place))}(p)"


WRITERS: dict[str, Callable[[Generator, str, Any, Spot], str]] = {
    "@if": Generator.if_,
    "@case": Generator.case,
    "@replace": Generator.replace,
    "@arrayPath": Generator.array_path,
    "@path": Generator.path_,
    "@template": Generator.template,
    "@literal": Generator.literal,
    "@flatten": Generator.flatten,
    "@json": Generator.json,
    "@merge": Generator.merge,
    "@transform": Generator.transform,
    "@excludeWhenNull": Generator.exclude_when_null,
    "@liquid": Generator.liquid,
}
