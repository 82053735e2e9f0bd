"""What CONTRIBUTING.md says of code holds: lines of files, branches of functions, attributes and nouns of
classes, no import circle, reasons of numbers."""

import ast
import functools
import graphlib
import re
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SHIPPED = [
    path
    for package in ("browser_plugin", "forwarder", "web_demo")
    for path in sorted((ROOT / package).rglob("*.py"))
    if "node_modules" not in path.parts
]
MODULES = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path for path in SHIPPED
}
MOST_BRANCHES = 15
MOST_ATTRIBUTES = 12
MOST_LINES = 250
MOST_LINES_OF_TESTS = 320
"""One scenario a file; what several need is in tests/support."""
LONGER = {
    "browser_plugin/dist.py": "it is to be cut",
    "browser_plugin/freeze/workload.py": "one list of calls, most of it data",
}
"""Files that may be longer, with the reason."""
AT_THE_ROOT = {
    *("browser_plugin", "forwarder", "web_demo", "tests", "docs", "deploy", ".ci"),
    *("pyproject.toml", "build.py", "hatch_build.py", "requirements.lock", "mkdocs.yml", ".gitignore"),
    *("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md", "LICENSE", "THIRD_PARTY_NOTICES.md"),
}
"""All that lies there; beside it what ``.gitignore`` names, for tools make it."""
NO_NOUN = re.compile(r"(What|How|One|See|Where|Whether|Tell|Everything|That|Who)\b")
"""Beginnings of texts that do not name the class."""
FUNCTIONS = ast.FunctionDef | ast.AsyncFunctionDef
UNIT = re.compile(r"_?(A_)?(SECOND|MINUTE|HOUR|DAY|MB)(_MS)?")
"""Names of constants that say all that there is to say."""
BRANCHES = (
    *(ast.If, ast.IfExp, ast.For, ast.AsyncFor, ast.While, ast.ExceptHandler),
    *(ast.Assert, ast.comprehension, ast.match_case),
)

pytestmark = pytest.mark.docs


@functools.cache
def trees() -> dict[Path, ast.Module]:
    """Return the shipped files, parsed: by the worker that asks, not by each that collects tests."""
    return {path: ast.parse(path.read_text(encoding="utf-8")) for path in SHIPPED}


def own_nodes(function: ast.AST) -> Iterator[ast.AST]:
    """Yield what stands in a function, but not in functions and classes inside of it."""
    for child in ast.iter_child_nodes(function):
        yield child
        if not isinstance(child, FUNCTIONS | ast.ClassDef):
            yield from own_nodes(child)


def branches(function: ast.AST) -> int:
    """Return a function's cyclomatic complexity: one, and one for each branch, ``and`` and ``or``."""
    found = 1
    for node in own_nodes(function):
        if isinstance(node, ast.BoolOp):
            found += len(node.values) - 1
        elif isinstance(node, ast.comprehension):
            found += 1 + len(node.ifs)
        elif isinstance(node, BRANCHES):
            found += 1
    return found


def attributes(cls: ast.ClassDef) -> set[str]:
    """Return the attributes that a class' own code declares or sets on its instances."""
    found = {
        node.target.id
        for node in cls.body
        if isinstance(node, ast.AnnAssign)
        and isinstance(node.target, ast.Name)
        and "ClassVar" not in ast.unparse(node.annotation)
    }
    for node in ast.walk(cls):
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            of_self = isinstance(node.value, ast.Name) and node.value.id == "self"
            found |= {node.attr} if of_self else set()
    return found


def imported(nodes: list[ast.stmt], package: str) -> Iterator[str]:
    """Yield the modules imported when a module is loaded, and what only type checkers import."""
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{package}: write the whole name of what is imported"
            names = [f"{node.module}.{alias.name}" for alias in node.names]
            yield from (name if name in MODULES else str(node.module) for name in names)
        elif isinstance(node, ast.If | ast.Try | ast.With):
            for inner in (node.body, getattr(node, "orelse", [])):
                yield from imported(inner, package)


def test_no_file_is_too_long() -> None:
    found = {str(path.relative_to(ROOT)): len(path.read_text().splitlines()) for path in SHIPPED}
    found["build.py"] = len((ROOT / "build.py").read_text().splitlines())
    too_long = {name for name, count in found.items() if count > MOST_LINES}
    assert too_long <= set(LONGER)


def test_no_file_of_tests_is_too_long() -> None:
    found = {path: len(path.read_text().splitlines()) for path in (ROOT / "tests").rglob("*.py")}
    assert len(found) > 400
    assert {path: count for path, count in found.items() if count > MOST_LINES_OF_TESTS} == {}


def test_the_root_holds_nothing_else() -> None:
    """Nothing that a test, or code that opened a file by a wrong name, has left behind."""
    made = {line.strip("/") for line in (ROOT / ".gitignore").read_text().split()} | {".git"}
    found = {path.name for path in ROOT.iterdir()}
    others = {name for name in found if not any(fnmatch(name, pattern) for pattern in made)}
    assert others == AT_THE_ROOT


def test_every_module_says_what_it_holds() -> None:
    texts = {str(path.relative_to(ROOT)): ast.get_docstring(tree) or "" for path, tree in trees().items()}
    assert [name for name, text in texts.items() if len(text.split()) < 3] == []


def test_no_function_has_too_many_branches() -> None:
    found = {
        f"{path.relative_to(ROOT)}:{node.lineno} {node.name}": branches(node)
        for path, tree in trees().items()
        for node in ast.walk(tree)
        if isinstance(node, FUNCTIONS)
    }
    assert len(found) > 1_000
    assert {name: count for name, count in found.items() if count > MOST_BRANCHES} == {}


def test_no_class_has_too_many_attributes() -> None:
    found = {
        f"{path.relative_to(ROOT)}:{node.lineno} {node.name}": attributes(node)
        for path, tree in trees().items()
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef)
    }
    assert len(found) > 200
    assert {name: sorted(names) for name, names in found.items() if len(names) > MOST_ATTRIBUTES} == {}


def test_no_module_imports_itself_in_a_circle_not_even_for_types() -> None:
    needs = {
        name: {other for other in imported(trees()[path].body, name) if other in MODULES and other != name}
        for name, path in MODULES.items()
    }
    assert sum(map(len, needs.values())) > 500
    tuple(graphlib.TopologicalSorter(needs).static_order())  # CycleError names the circle


def test_a_class_is_named_by_a_noun() -> None:
    found = {
        f"{path.relative_to(ROOT)}:{node.lineno} {node.name}": ast.get_docstring(node) or ""
        for path, tree in trees().items()
        if not path.is_relative_to(ROOT / "browser_plugin")
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef)
    }
    assert len(found) > 200
    assert [name for name, text in found.items() if NO_NOUN.match(text)] == []


def is_number(value: ast.expr) -> bool:
    """Return whether an expression is made of numbers alone, of which one is more than a flag."""
    parts = [node for node in ast.walk(value) if isinstance(node, ast.Constant)]
    numbers = [part.value for part in parts if isinstance(part.value, int | float)]
    allowed = ast.Constant | ast.BinOp | ast.UnaryOp | ast.Tuple | ast.operator | ast.unaryop | ast.Load
    if len(numbers) < len(parts) or not all(isinstance(node, allowed) for node in ast.walk(value)):
        return False
    return any(abs(number) not in (0, 1) for number in numbers)


def constants(tree: ast.Module, lines: list[str]) -> Iterator[tuple[str, bool]]:
    """Yield a module's numbers, and whether each has a reason: a comment, or a text below it or its group."""
    for place, node in enumerate(tree.body):
        if not isinstance(node, ast.Assign | ast.AnnAssign) or node.value is None:
            continue
        name = ast.unparse(node.target if isinstance(node, ast.AnnAssign) else node.targets[0])
        if is_number(node.value) and not UNIT.fullmatch(name):
            own = [*lines[node.lineno - 1 : node.end_lineno], lines[node.lineno - 2].lstrip()[:1]]
            yield name, any("#" in line for line in own) or has_text_below(tree.body[place:])


def has_text_below(statements: list[ast.stmt]) -> bool:
    """Return whether a text follows the first statement, or the assignments right below it."""
    end = statements[0].lineno
    for node in statements[1:]:
        if isinstance(node, ast.Expr):
            return isinstance(node.value, ast.Constant)
        if not isinstance(node, ast.Assign | ast.AnnAssign) or node.lineno > end + 1:
            return False
        end = node.end_lineno or node.lineno
    return False


def test_every_number_has_a_reason() -> None:
    """Not of the plugin and its freeze: a comment there has Python frozen anew."""
    found = [
        (f"{path.relative_to(ROOT)} {name}", reason)
        for path in SHIPPED
        if path.is_relative_to(ROOT / "forwarder") or path.is_relative_to(ROOT / "web_demo")
        for name, reason in constants(trees()[path], path.read_text(encoding="utf-8").splitlines())
    ]
    assert len(found) > 150
    assert [name for name, reason in found if not reason] == []


ASKED = re.compile(r"(httpx\.(get|post|head|put|delete|request|stream|Client)|urllib\.request\.urlopen)")


def test_no_request_of_a_test_gives_up_after_seconds() -> None:
    """httpx does after 5 s, by itself: on a busy machine that is no failure. See tests/support/patient.py."""
    calls = [
        (f"{path.relative_to(ROOT)}:{node.lineno}", {word.arg for word in node.keywords})
        for folder in ("integration", "senders", "browser", "docs", "support")
        for path in sorted((ROOT / "tests" / folder).rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and ASKED.fullmatch(ast.unparse(node.func))
    ]
    assert len(calls) > 5
    assert [place for place, words in calls if "timeout" not in words] == []
