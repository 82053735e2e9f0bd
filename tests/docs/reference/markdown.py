"""Small pieces of Markdown."""

import ast
import json
import re
from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

GENERATED = "<!-- Made by `python -m tests.docs.reference`; do not edit. -->"


def code(value: object) -> str:
    """Return a value as inline code; texts as they are, all else as JSON. Nothing for nothing."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return f"`{text}`" if text else ""


def table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table; no cell ends early."""
    lines = [headings, ["---"] * len(headings), *rows]
    return "\n".join("| " + " | ".join(_cell(one) for one in line) + " |" for line in lines) + "\n"


def _cell(text: str) -> str:
    return re.sub(r"(?<!\\)\|", r"\\|", " ".join(text.split()))


def block(value: Any, language: str = "json") -> str:
    """Return a fenced block; JSON for what is no text."""
    text = value if isinstance(value, str) else json.dumps(value, indent=2, ensure_ascii=False)
    return f"```{language}\n{text.rstrip()}\n```\n"


def sentence(text: str) -> str:
    """Return a docstring as running text, with code as Markdown writes it."""
    return " ".join(text.replace("``", "`").split())


@cache
def texts_of(path: Path) -> dict[str, dict[str, str]]:
    """Return the text under each attribute of each class of a module, by class and attribute."""
    found: dict[str, dict[str, str]] = {}
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if not isinstance(node, ast.ClassDef):
            continue
        texts = found.setdefault(node.name, {})
        for before, after in zip(node.body, node.body[1:], strict=False):
            target = before.target if isinstance(before, ast.AnnAssign) else None
            if isinstance(before, ast.Assign):
                target = before.targets[0] if isinstance(before.targets[0], ast.Name) else None
            if isinstance(target, ast.Name) and isinstance(after, ast.Expr):
                value = after.value
                if isinstance(value, ast.Constant) and isinstance(value.value, str):
                    texts[target.id] = sentence(value.value)
    return found
