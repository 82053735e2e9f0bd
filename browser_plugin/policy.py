"""The rules as JavaScript: they answer while there is no Python, and where there is none."""

import ast
import inspect
import re
from types import ModuleType

from pscript import py2js  # type: ignore[import-untyped,unused-ignore]

from browser_plugin import destinations, rules, session

SOURCES: tuple[ModuleType, ...] = (destinations, session, rules)
"""What is compiled, in order."""
EXPORTS = ("NAME", "NAMES", "enrich", "chosen", "stamp_of", "whole_ms")
LIBRARY = """
const _pyfunc_int = Number, _pyfunc_str = String, _pymeth_append = Array.prototype.push;
const _pyfunc_dict = (one) => JSON.parse(JSON.stringify(one)), _pyfunc_truthy = (one) => one;
const _pyfunc_op_equals = (one, other) => one === other, _pyfunc_op_add = (one, other) => one + other;
const _pyfunc_op_contains = (one, all) => all.indexOf(one) >= 0;
const _kind = (one) => Object.prototype.toString.call(one).slice(8, -1);
function _pyfunc_create_dict(...pairs) {
  const made = {};
  while (pairs.length) made[pairs.shift()] = pairs.shift();
  return made;
}
function _pymeth_get(key) {
  const value = Object.prototype.hasOwnProperty.call(this, key) ? this[key] : null;
  return value === undefined ? null : value;
}
function _pymeth_strip() { return this.replace(/^[0-9]+|[0-9]+$/g, ""); }
function _pymeth_rstrip() { return this.replace(/0+$/, ""); }
"""
"""What the rules need of Python's library. PScript's own does more than JSON values and digits ask for."""
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


def as_javascript() -> str:
    """Return a JavaScript module of the rules (``EXPORTS``): the page's Python, compiled by PScript."""
    compiled = py2js("\n\n".join(map(source, SOURCES)), inline_stdlib=False)
    compiled = KIND.sub(lambda test: f"_kind({test['value']}) === '{test['kind'].capitalize()}'", compiled)
    # Declared one by one: a bundler leaves out what is not used and puts in place what is used once.
    names = re.findall(r"^(\w+) = ", compiled, flags=re.MULTILINE)
    compiled = re.sub(r"^(\w+) = (?:function flx_\w+)?", declared, compiled, flags=re.MULTILINE)
    compiled = re.sub(rf"^var (?:(?:{'|'.join(names)})(?:, )?)+;$", "", compiled, count=1, flags=re.MULTILINE)
    return f"{LIBRARY}{compiled}\nexport {{ {', '.join(EXPORTS)} }};\n"


def declared(begin: re.Match[str]) -> str:
    """Return the beginning of a function, or of a constant."""
    return f"function {begin[1]}" if "function" in begin[0] else f"const {begin[1]} = "
