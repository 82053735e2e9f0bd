"""Values that stay outside the configuration file: ``${NAME}`` and ``file:/path``."""

import re
from collections.abc import Mapping
from pathlib import Path

_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\}")
_LARGEST_FILE = 65_536
"""Bytes: a secret is a line. What is larger is another file, and is not read to its end."""


def resolve(
    value: object, environment: Mapping[str, str], folder: Path, place: str = ""
) -> tuple[object, list[str]]:
    """Return ``value`` with every reference replaced, and one line for each that cannot be.

    ``${NAME}`` is the environment variable, ``${NAME:-text}`` the variable or the text; a text that starts
    with ``file:`` is that file's contents without the line end. ``folder``: where relative paths start;
    ``place``: dotted name for the messages.
    """
    if isinstance(value, str):
        return _resolve_text(value, environment, folder, place)
    problems: list[str] = []
    if isinstance(value, dict):
        resolved: dict[object, object] = {}
        for name, item in value.items():
            inner = f"{place}.{name}" if place else str(name)
            resolved[name], found = resolve(item, environment, folder, inner)
            problems += found
        return resolved, problems
    if isinstance(value, list):
        items = []
        for index, item in enumerate(value):
            done, found = resolve(item, environment, folder, f"{place}[{index}]")
            items.append(done)
            problems += found
        return items, problems
    return value, problems


def _resolve_text(
    text: str, environment: Mapping[str, str], folder: Path, place: str
) -> tuple[str, list[str]]:
    problems: list[str] = []

    def value_of(match: re.Match[str]) -> str:
        name, default = match.groups()
        if name in environment:
            return environment[name]
        if default is None:
            problems.append(
                f"{place}: the environment has no {name}; set it, or write ${{{name}:-default}} for a default"
            )
        return default or ""

    if problem := _odd_reference(text):
        problems.append(f"{place}: {problem}")
    text = _VARIABLE.sub(value_of, text)
    if not text.startswith("file:"):
        return text, problems
    path = folder / text.removeprefix("file:")
    try:
        with path.open("rb") as file:
            contents = file.read(_LARGEST_FILE + 1)
        if len(contents) > _LARGEST_FILE:
            return "", [*problems, f"{place}: {path} is larger than 64 KB; a secret is one line"]
        return contents.decode().rstrip("\r\n"), problems
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        return "", [*problems, f"{place}: cannot read {path}: {reason}; make the file readable for this user"]


def _odd_reference(text: str) -> str | None:
    """Return what is wrong with what looks like a reference and is none; its text may be a secret."""
    if "$${" in text:
        return "$${ is no way to write a plain ${; leave the second $ out"
    if "${" in _VARIABLE.sub("", text):
        return "${ begins no reference; write ${NAME} or ${NAME:-default}, NAME of letters, digits and _"
    return None
