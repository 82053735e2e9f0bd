"""The glossary holds the project's words, and the code uses them."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.processes import ROOT

GLOSSARY = (ROOT / "docs" / "glossary.md").read_text(encoding="utf-8")
TABLES, _, RETIRED = GLOSSARY.partition("## Retired words")
WORDS = [word for word in re.findall(r"^\| ([^|]+?) \|", TABLES, re.MULTILINE) if word not in ("word", "---")]
SHIPPED = [
    path
    for package in ("browser_plugin", "forwarder")
    for path in sorted((ROOT / package).rglob("*.py"))
    if "node_modules" not in path.parts and "margin" not in path.parts
]

pytestmark = pytest.mark.docs


def names_in(tree: ast.AST) -> Iterator[str]:
    """Yield each name that a module defines or binds."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            yield node.name
        elif isinstance(node, ast.arg):
            yield node.arg
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            yield node.attr


def test_a_word_stands_once() -> None:
    assert len(WORDS) == len(set(WORDS)) > 50


def test_every_word_is_used() -> None:
    texts = [path.read_text(encoding="utf-8") for path in SHIPPED]
    texts += [path.read_text(encoding="utf-8") for path in (ROOT / "browser_plugin" / "page").rglob("*.js")]
    code = re.sub(r"[_\W]+", " ", re.sub(r"(?<=[a-z])(?=[A-Z])", " ", "\n".join(texts))).lower()
    unused = [word for word in WORDS if re.sub(r"\W+", " ", word).lower().rstrip("s") not in code]
    assert not unused


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_retired_word_is_in_a_name(path: Path) -> None:
    retired = set(re.findall(r"`(\w+)`", RETIRED))
    assert len(retired) > 3
    found = [
        name
        for name in names_in(ast.parse(path.read_text(encoding="utf-8")))
        if name in retired or retired & set(name.lower().split("_"))
    ]
    assert not found
    assert not retired & {path.stem, *path.parent.parts}
