"""``@replace``: literal patterns, JavaScript's ``$`` in replacements."""

from collections.abc import Iterator

from forwarder.errors import MappingError

MAX_RESULT = 4_000_000
"""Longest result in characters: ``$```, which inserts what came before, can square the length."""


def replace(text: str, pattern: str, replacement: str, *, ignore_case: bool, everywhere: bool) -> str:
    """Return the text with the pattern replaced. Raises MappingError beyond MAX_RESULT."""
    if "$" not in replacement and not ignore_case:
        return text.replace(pattern, replacement, -1 if everywhere else 1)
    parts: list[str] = []
    size = done = 0
    for start in _found(text, pattern, ignore_case=ignore_case):
        stop = start + len(pattern)
        parts += [text[done:start], _expand(replacement, text, start, stop)]
        done = stop
        size += len(parts[-1])
        if size > MAX_RESULT:
            raise MappingError(
                f"the result is longer than {MAX_RESULT} characters; use a simpler replacement"
            )
        if not everywhere:
            break
    parts.append(text[done:])
    return "".join(parts)


def _found(text: str, pattern: str, *, ignore_case: bool) -> Iterator[int]:
    """Yield where the pattern starts, without overlaps."""
    if ignore_case:
        text, pattern = _fold(text), _fold(pattern)
    at = text.find(pattern)
    while at >= 0:
        yield at
        at = text.find(pattern, at + len(pattern))


def _fold(text: str) -> str:
    """Return the text as JavaScript's ``i`` flag compares it: in upper case letter by letter, same length."""
    return text.upper() if text.isascii() else "".join(map(_fold_letter, text))


def _fold_letter(char: str) -> str:
    upper = char.upper()
    if len(upper) != 1 or (char > "\x7f" and upper <= "\x7f") or char > "\uffff":
        return char
    return upper


def _expand(replacement: str, text: str, start: int, stop: int) -> str:
    """Return the replacement with ``$$``, ``$&``, ``$``` and ``$'`` filled; there are no groups to name."""
    if "$" not in replacement:
        return replacement
    parts: list[str] = []
    at = 0
    while (dollar := replacement.find("$", at)) >= 0:
        code = replacement[dollar + 1 : dollar + 2]
        filled = {"$": "$", "&": text[start:stop], "`": text[:start], "'": text[stop:]}.get(code)
        parts += [replacement[at:dollar], "$" if filled is None else filled]
        at = dollar + (1 if filled is None else 2)
    parts.append(replacement[at:])
    return "".join(parts)
