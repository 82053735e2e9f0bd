"""The codes with which requests are refused and events rejected, found in the code that makes them."""

import ast
from collections.abc import Iterator, Mapping

from tests.docs.reference.markdown import code, table
from tests.support.processes import ROOT

FOLDERS = ("ingest", "http")
PUT_IN = {"odd": "FIELD"}
"""What stands for values that are known only later, where their names do not say it."""


def _calls(name: str, arguments: int) -> Iterator[list[str]]:
    """Yield the first arguments of each call of a class, as texts."""
    for folder in FOLDERS:
        for path in sorted((ROOT / "forwarder" / folder).glob("*.py")):
            tree = ast.parse(path.read_text(encoding="utf-8"))
            known = {
                node.targets[0].id: node.value.value
                for node in tree.body
                if isinstance(node, ast.Assign)
                and isinstance(node.targets[0], ast.Name)
                and isinstance(node.value, ast.Constant)
            }
            for node in ast.walk(tree):
                if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == name:
                    found = [_text(one, known) for one in node.args[:arguments]]
                    if len(found) == arguments and all(found):
                        yield found


def _text(node: ast.expr, known: Mapping[str, object]) -> str:
    """Return a text of the code, with names for what is put into it; nothing for what is no text there."""
    if isinstance(node, ast.Constant):
        return str(node.value)
    if isinstance(node, ast.Name):
        return str(known.get(node.id, ""))
    if isinstance(node, ast.JoinedStr):
        return "".join(_part(one, known) for one in node.values)
    return ""


def _part(node: ast.expr, known: Mapping[str, object]) -> str:
    if not isinstance(node, ast.FormattedValue):
        return _text(node, known)
    if isinstance(node.value, ast.Attribute):
        return PUT_IN.get(node.value.attr, node.value.attr)
    return _text(node.value, known) or "…"


def refusals() -> str:
    """Return the table of requests that are refused as a whole."""
    rows = sorted({(status, code(word), message) for status, word, message in _calls("Refusal", 3)})
    return table(("status", "code", "message"), rows)


def rejections() -> str:
    """Return the table of events that are rejected."""
    return table(
        ("code", "message"), sorted({(code(word), message) for word, message in _calls("Rejection", 2)})
    )
