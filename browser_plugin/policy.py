"""The rules as JavaScript: they answer while there is no Python, and where there is none."""

import ast
import inspect
import re
from collections.abc import Callable
from types import ModuleType

from pscript import py2js  # type: ignore[import-untyped,unused-ignore]

from browser_plugin import (
    destinations,
    explanation,
    json_values,
    minimal,
    rules,
    session,
    session_events,
    stores,
)

SOURCES: tuple[ModuleType, ...] = (
    *(destinations, session, json_values, stores, session_events, rules),
    *(explanation, minimal),
)
"""What is compiled, in order."""
EXPORTS = (
    *("NAME", "OTHER_NAME", "enrich", "explain", "chosen", "stamp_of", "whole_ms", "refuses", "least"),
    "is_object",
)
LIBRARY = """
function _pyfunc_dict(one) { return JSON.parse(JSON.stringify(one)); }
function is_object(one) { return ({}).toString.call(one) === "[object Object]"; }
function _pymeth_get(key) {
  const value = ({}).hasOwnProperty.call(this, key) ? this[key] : null;
  return value === undefined ? null : value;
}
function _pymeth_rstrip() { return this.replace(/0+$/, ""); }
"""
"""What the rules need of Python's library. PScript's own does more than JSON values and digits ask for."""
WRAPPERS: dict[str, Callable[[list[str]], str]] = {
    "_pyfunc_truthy": lambda given: f"({given[0]})",  # the rules ask for true and false alone
    "_pyfunc_int": lambda given: f"(+{given[0]})",
    "_pyfunc_str": lambda given: f'("" + {given[0]})',
    "_pymeth_strip.call": lambda given: f'{given[0]}.replace(/^[0-9]+|[0-9]+$/g, "")',
    "_pyfunc_op_equals": lambda given: f"({given[0]} === {given[1]})",
    "_pyfunc_op_add": lambda given: f"({given[0]} + {given[1]})",
    "_pyfunc_op_contains": lambda given: f"({given[1]}.indexOf({given[0]}) >= 0)",
    "_pymeth_append.call": lambda given: f"{given[0]}.push({given[1]})",
    "_pyfunc_create_dict": lambda given: (
        f"({{{', '.join(map('[{}]: {}'.format, given[::2], given[1::2]))}}})"
    ),
}
"""JavaScript's own operators in place of calls of PScript's library: they take JSON values and lists."""
LISTS = re.compile(r"^ *if \(\(typeof stub\d+_seq === .*\n", flags=re.MULTILINE)
"""PScript's test whether an object is iterated over; the rules iterate over lists alone."""
KIND = re.compile(
    r"Object\.prototype\.toString\.call\((?P<value>\w+)\)\.slice\(8,-1\)\.toLowerCase\(\) === '(?P<kind>\w+)'"
)
"""PScript's test for a type, which is long."""


def source(module: ModuleType) -> str:
    """Return a module's constants and functions, without what only Python's tools look at."""
    text = inspect.getsource(module)
    parts = []
    for node in ast.parse(text).body:
        if isinstance(node, ast.FunctionDef):
            node.body = [
                one for one in node.body if not is_docstring(one) and not isinstance(one, ast.AnnAssign)
            ]
            parts.append(ast.unparse(node))
        elif isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) != "TYPE_CHECKING":
            parts.append(ast.unparse(node))
    return "\n\n".join(parts)


def is_docstring(node: ast.stmt) -> bool:
    """Tell whether a statement is a text alone."""
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def arguments(text: str, begin: int) -> tuple[list[str], int]:
    """Return the arguments of a JavaScript call and where it ends; ``begin``: behind its opening bracket."""
    found, depth, at, last = [], 0, begin, begin
    while depth >= 0:
        one = text[at]
        if one == '"':
            at = re.compile(r'"(?:[^"\\]|\\.)*"').match(text, at).end()  # type: ignore[union-attr]  # it is one
            continue
        depth += (one in "([{") - (one in ")]}")
        if depth < 0 or (depth == 0 and one == ","):
            found.append(text[last:at].strip())
            last = at + 1
        at += 1
    return found, at


def unwrapped(text: str) -> str:
    """Return JavaScript with operators in place of PScript's calls (``WRAPPERS``)."""
    for name, write in WRAPPERS.items():
        while (begin := text.find(f"{name}(")) >= 0:
            given, end = arguments(text, begin + len(name) + 1)
            text = text[:begin] + write(given) + text[end:]
    return text


def declared_where_assigned(function: str) -> str:
    """Return a JavaScript function whose variables are declared where they get their first value.

    PScript declares them all at the top. Those that get it in a branch or a loop stay there.
    """
    listed = re.search(r"^    var (.*);\n", function, flags=re.MULTILINE)
    if not listed:
        return function
    left = []
    for name in listed[1].split(", "):
        first = re.search(rf"^( +){name} = ", function, flags=re.MULTILINE)
        if first and first[1] == "    ":
            function = function[: first.end(1)] + "let " + function[first.end(1) :]
        else:
            left.append(name)
    return function.replace(listed[0], f"    var {', '.join(left)};\n" if left else "", 1)


def as_javascript() -> str:
    """Return a JavaScript module of the rules (``EXPORTS``): the page's Python, compiled by PScript."""
    compiled = py2js("\n\n".join(map(source, SOURCES)), inline_stdlib=False)
    compiled = unwrapped(LISTS.sub("", compiled))
    compiled = without_truths(KIND.sub(kind_test, compiled))
    # Declared one by one: a bundler leaves out what is not used and puts in place what is used once.
    names = re.findall(r"^(\w+) = ", compiled, flags=re.MULTILINE)
    compiled = re.sub(r"^(\w+) = (?:function flx_\w+)?", declared, compiled, flags=re.MULTILINE)
    compiled = re.sub(rf"^var (?:(?:{'|'.join(names)})(?:, )?)+;$", "", compiled, count=1, flags=re.MULTILINE)
    compiled = re.sub(
        r"^function [\s\S]*?^}", lambda one: declared_where_assigned(one[0]), compiled, flags=re.M
    )
    for constant in re.finditer(r'^const (\w+) = (\d+|"");\n', compiled, flags=re.MULTILINE):
        compiled = compiled.replace(constant[0], "", 1)
        compiled = re.sub(rf"\b{constant[1]}\b", constant[2], compiled)
    return f"{LIBRARY}{compiled}\nexport {{ {', '.join(EXPORTS)} }};\n"


def kind_test(test: re.Match[str]) -> str:
    """Return JavaScript's own test for a type of JSON value, instead of PScript's."""
    if test["kind"] == "object":
        return f"is_object({test['value']})"
    return f"typeof {test['value']} === '{test['kind']}'"


def without_truths(compiled: str) -> str:
    """Leave out whether a number is a truth value, which in Python it may be."""
    return re.sub(r"(typeof (\w+) === 'number'\)+) && \(\2 !== true\) && \(\2 !== false\)", r"\1", compiled)


def declared(begin: re.Match[str]) -> str:
    """Return the beginning of a function, or of a constant."""
    return f"function {begin[1]}" if "function" in begin[0] else f"const {begin[1]} = "
