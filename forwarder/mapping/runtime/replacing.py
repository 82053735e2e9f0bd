"""``@replace``: literal patterns, JavaScript's ``$`` in replacements."""

from collections.abc import Iterator

from forwarder.mapping.bounds import bounded


def replace(text: str, pattern: str, replacement: str, *, ignore_case: bool, everywhere: bool) -> str:
    """Return the text with the pattern replaced. Raises ValueError where it grows too long.

    ``$```, which inserts what came before, can square the length.
    """
    contextual = "$`" in replacement or "$'" in replacement
    if not contextual and not ignore_case:
        filled = _expand(replacement, pattern, 0, len(pattern))
        bounded(len(text) + text.count(pattern) * len(filled))
        return text.replace(pattern, filled, -1 if everywhere else 1)
    parts: list[str] = []
    known: dict[str, str] = {}
    size = done = 0
    for start in _found(text, pattern, ignore_case=ignore_case):
        stop = start + len(pattern)
        found = text[start:stop]
        if contextual or found not in known:
            known[found] = _expand(replacement, text, start, stop)
        parts += (text[done:start], known[found])
        done = stop
        size += len(parts[-1])
        bounded(size)
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
