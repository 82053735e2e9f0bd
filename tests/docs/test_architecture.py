"""What docs/*.md names is there: files, and the classes, functions and constants of the code."""

import ast
import re
from functools import lru_cache
from pathlib import Path

import pytest

from tests.support.processes import ROOT

PAGES = [
    ROOT / "docs" / "architecture.md",
    ROOT / "docs" / "glossary.md",
    *sorted((ROOT / "docs" / "decisions").glob("*.md")),
]
ARCHITECTURE = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
OURS = ("forwarder", "browser_plugin", "web_demo", "tests", "docs")
NOT_OURS = {"GOT", "NaN"}
"""Names of other projects that look like ours."""
HOPS = re.findall(r"^\| \d+ \| `([^`]+)` \| `(\w+)` \|", ARCHITECTURE, re.MULTILINE)

pytestmark = pytest.mark.docs


@lru_cache
def names_of(path: Path) -> frozenset[str]:
    """Return what a module defines: classes, functions, and what is assigned at its top or in a class."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            names.add(node.name)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names.add(node.id)
    return frozenset(names)


@lru_cache
def all_names() -> frozenset[str]:
    files = [
        path
        for package in ("forwarder", "browser_plugin")
        for path in (ROOT / package).rglob("*.py")
        if "node_modules" not in path.parts
    ]
    return frozenset[str]().union(*map(names_of, files))


def missing_in(text: str) -> list[str]:
    """Return the files and symbols in backticks that are not there."""
    text = text.partition("## Retired words")[0]
    missing = []
    for named in re.findall(r"`([^`\n]+)`", text):
        if re.fullmatch(rf"(?:{'|'.join(OURS)})/[\w./-]+", named):
            if not (ROOT / named).exists():
                missing.append(named)
        elif re.fullmatch(r"_?[A-Z][a-z]\w+|_?[A-Z]+_[A-Z_]+", named) and named not in all_names() | NOT_OURS:
            missing.append(named)
    return missing


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_what_a_page_names_is_there(page: Path) -> None:
    assert missing_in(page.read_text(encoding="utf-8")) == []


def test_what_is_not_there_is_found() -> None:
    assert missing_in("`forwarder/nowhere.py` `NoSuchClass` `NO_SUCH_BOUND` `GOT`") == [
        "forwarder/nowhere.py",
        "NoSuchClass",
        "NO_SUCH_BOUND",
    ]


def test_an_event_makes_at_most_twenty_hops_and_enters_no_module_twice() -> None:
    files = [file for file, _ in HOPS]
    assert 10 < len(files) == len(set(files)) <= 20


@pytest.mark.parametrize(("file", "symbol"), HOPS, ids=[file for file, _ in HOPS])
def test_each_hop_is_where_the_page_says(file: str, symbol: str) -> None:
    assert symbol in names_of(ROOT / file)


def test_an_event_passes_through_at_most_ten_types() -> None:
    line = re.search(r"^`IngestRequest` →[^:]+:", ARCHITECTURE, re.MULTILINE)
    assert line
    types = re.findall(r"`(\w+)`", line[0])
    assert 5 < len(types) == len(set(types)) <= 10
    assert set(types) <= all_names()
