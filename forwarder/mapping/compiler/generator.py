"""A mapping to the source of one Python module, and that to a function.

Every node becomes an expression. Nothing of the mapping is written into the source: keys, paths and values
are constants of the module's namespace (``k0``, ``k1``, ...), so no configuration text can become code, and
payloads are only ever data. For the default fields of an event the source looks like this (with the
constants' values)::

    def f9(p):
        a1 = p.get("context", E)
        if a1.__class__ is not dict: a1 = opened(a1, ["device"])
        a2 = a1.get("device", E)
        if a2.__class__ is not dict: a2 = opened(a2, ["type"])
        r = {}
        v = p.get("userId", U)
        if v is not U: r["user_id"] = v
        v = a2.get("type", U)
        if v is not U: r["device_type"] = v
        return r
"""

import itertools
from collections.abc import Callable
from typing import Any

from typing_extensions import override

from forwarder.errors import MappingError
from forwarder.javascript.paths import walk
from forwarder.javascript.values import UNDEFINED, truthy
from forwarder.mapping.compiler.emitters import EMITTERS
from forwarder.mapping.compiler.field_emitter import emit_fields
from forwarder.mapping.compiler.interface import Generator
from forwarder.mapping.compiler.rules import Rules
from forwarder.mapping.compiler.scope import NodeContext, Scope
from forwarder.mapping.runtime import cleaning, directives
from forwarder.mapping.runtime.liquid import Clock
from forwarder.mapping.runtime.templates import text_of
from forwarder.mapping.shapes import directive_of

MAX_DEPTH = 100
"""Deepest nesting of a mapping."""

OUTLINE_DEPTH = 10
"""So deep an expression may nest before the rest gets a function of its own (Python's parser has a bound)."""


def step(value: object, key: str) -> object:
    """Walk one key into anything."""
    return walk(value, (key,))


EMPTY: dict[str, object] = {}
"""What lies below a missing object is missing too; only ever looked into."""


def opened(value: object, keys: list[str]) -> dict[str, object]:
    """Return what lies at the keys of anything as an object, only ever looked into.

    Numbers, flags, null and the empty text need no ``step`` for each key: an event may list thousands.
    """
    if not truthy(value):
        return EMPTY if value is UNDEFINED else dict.fromkeys(keys, value)
    if not isinstance(value, (dict, list, str)):
        return EMPTY
    found = {key: inner for key in keys if (inner := step(value, key)) is not UNDEFINED}
    return found or EMPTY


HELPERS: dict[str, Any] = {
    "U": UNDEFINED,
    "E": EMPTY,
    "step": step,
    "opened": opened,
    "text_of": text_of,
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


class SourceGenerator(Generator):
    """The generator of one mapping's source: functions and constants; ``compile`` makes them one callable.

    ``failures``: what is sure to fail when it is evaluated.
    """

    def __init__(self, clock: Clock, rules: Rules | None = None) -> None:
        """``rules``: what the mapping's fields take; the compiled function then returns errors as well."""
        self.clock = clock
        self.rules = rules
        self.namespace: dict[str, Any] = dict(HELPERS)
        self.functions: list[str] = []
        self.failures: list[MappingError] = []
        self.numbers = itertools.count()

    def compile(self, mapping: object) -> Callable[[object], object]:
        """Return the function of the whole mapping. Raises MappingError if it is nested too deeply."""
        context = NodeContext("", Scope(may_hold_undefined=False, payload_is_object=True), final=True)
        name = self.function(mapping, context)
        source = "\n".join(self.functions)
        exec(compile(source, "<mapping>", "exec"), self.namespace)  # noqa: S102 - see the module's docstring
        compiled: Callable[[object], object] = self.namespace[name]
        return compiled

    @override
    def constant(self, value: object) -> str:
        name = f"k{next(self.numbers)}"
        self.namespace[name] = value
        return name

    @override
    def function(self, node: object, context: NodeContext, scope: Scope | None = None) -> str:
        scope = (scope or context.scope).nested()
        value = self.expression(node, context.inside(scope))
        name = f"f{next(self.numbers)}"
        body = "".join(f"    {line}\n" for line in scope.lines)
        self.functions.append(f"def {name}(p):\n{body}    return {value}\n")
        return name

    @override
    def expression(self, node: object, context: NodeContext) -> str:
        if context.depth > MAX_DEPTH:
            raise MappingError(f"nested deeper than {MAX_DEPTH}; flatten the mapping", context.place[:80])
        if context.nesting > OUTLINE_DEPTH and isinstance(node, (dict, list)):
            return f"{self.function(node, context)}(p)"
        name = directive_of(node)
        if name is not None and isinstance(node, dict):
            return self.directive(name, node[name], context)
        if isinstance(node, dict):
            return self.plain_object(node, context)
        if isinstance(node, list):
            items = [self.element(item, context.below(str(index))) for index, item in enumerate(node)]
            return f"[{', '.join(items)}]"
        return self.constant(node)

    def plain_object(self, node: dict[str, object], context: NodeContext) -> str:
        """Return the expression of an object's fields."""
        if self.rules is not None and context.depth == 1:
            return emit_fields(self, node, self.rules, context)
        if context.final and context.nesting == 0:
            return self.result(node, context)
        fields = [f"{self.constant(key)}: {value}" for key, value in self.fields(node, context)]
        dynamic = any(isinstance(one, dict) for one in node.values())
        value = f"{{{', '.join(fields)}}}"
        return f"drop({value})" if context.final and dynamic else value

    def fields(self, node: dict[str, object], context: NodeContext) -> list[tuple[str, str]]:
        """Return the object's keys with the expressions of their values."""
        return [(key, self.expression(one, context.below(key))) for key, one in node.items()]

    def result(self, node: dict[str, object], context: NodeContext) -> str:
        """Write the statements that fill a function's result but for what is undefined; return its name."""
        lines = ["r = {}"]
        for key, value in self.fields(node, context):
            name = self.constant(key)
            if isinstance(node[key], dict):
                lines += [f"v = {value}", f"if v is not U: r[{name}] = v"]
            else:
                lines.append(f"r[{name}] = {value}")
        context.scope.lines += lines
        return "r"

    def element(self, node: object, context: NodeContext) -> str:
        """Return the expression of a list's element."""
        value = self.expression(node, context)
        if context.final and directive_of(node):
            return f"(None if (v := {value}) is U else v)"
        return value

    @override
    def cleaned(self, value: str, context: NodeContext) -> str:
        return f"clean({value})" if context.final else value

    def directive(self, name: str, options: Any, context: NodeContext) -> str:
        """Return the expression of a directive."""
        emit = EMITTERS.get(name)
        where = self.constant((context.place, name))
        if emit is None:
            return self.failure(where, f"is no directive; use one of {', '.join(sorted(EMITTERS))}")
        return emit(self, where, options, context)

    @override
    def failure(self, where: str, message: str) -> str:
        self.failures.append(MappingError(message, *self.namespace[where]))
        return f"fail({where}, {self.constant(message)})"

    @override
    def path(self, keys: tuple[str, ...], scope: Scope) -> str:
        if not keys:
            return "p"
        for end in range(1, len(keys)):
            way = keys[:end]
            if way not in scope.path_locals:
                local = f"a{next(self.numbers)}"
                below = scope.keys[local] = []
                scope.lines += [
                    f"{local} = {self.one_step(scope, way, 'E')}",
                    f"if {local}.__class__ is not dict: {local} = opened({local}, {self.constant(below)})",
                ]
                scope.path_locals[way] = local
        return f"({self.one_step(scope, keys, 'U')})"

    def one_step(self, scope: Scope, keys: tuple[str, ...], missing: str) -> str:
        """Return the expression of the last key below the local name of the others, quick for objects."""
        local, name = self.looked_up(scope, keys)
        quick = f"{local}.get({name}, {missing})"
        return quick if scope.is_object(local) else f"{quick} if p.__class__ is dict else step(p, {name})"

    def looked_up(self, scope: Scope, keys: tuple[str, ...]) -> tuple[str, str]:
        """Return the local name of what the last key is looked up in, and the name of the key."""
        local = scope.path_locals[keys[:-1]]
        scope.keys.get(local, []).append(keys[-1])
        return local, self.constant(keys[-1])
