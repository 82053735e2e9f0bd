"""The text of ``@template``: ``{{path}}`` and ``{{{path}}}`` replaced by values of the payload."""

from collections.abc import Iterator

from forwarder.javascript.values import UNDEFINED, to_string, trim
from forwarder.mapping.bounds import bounded
from forwarder.mapping.paths import look_up


def text_of(value: object) -> str:
    """Return a value as a template puts it in: null and nothing as "", the rest as JavaScript joins it."""
    if isinstance(value, str):
        return value
    return "" if value is None or value is UNDEFINED else to_string(value)


def pieces(template: str, braces: int) -> Iterator[tuple[str, str | None]]:
    """Yield the literal texts of a template, each with the path that follows it (None after the last).

    ``braces``: how many enclose a path. A path is not empty and holds no ``}``; blanks around it are
    dropped. One pass over the text, whatever it holds.
    """
    done = look_from = 0
    while (start := template.find("{" * braces, look_from)) >= 0:
        end = template.find("}", start + braces)
        if end < 0:
            break
        if end > start + braces and template.startswith("}" * braces, end):
            yield template[done:start], trim(template[start + braces : end])
            done = look_from = end + braces
        else:
            look_from = end + 1
    yield template[done:], None


def render(template: str, payload: object) -> str:
    """Return the template filled from the payload: first triple braces, then double ones in the result.

    So a value that came in through triple braces and holds ``{{y}}`` is filled too, as in Segment's
    reference. Raises ValueError where the text grows too long.
    """
    payload = {} if payload is UNDEFINED else payload
    for braces in (3, 2):
        if "{" * braces not in template:
            continue
        parts: list[str] = []
        size = 0
        for text, path in pieces(template, braces):
            value = "" if path is None else text_of(look_up(payload, path))
            size += len(text) + len(value)
            bounded(size)
            parts += (text, value)
        template = "".join(parts)
    return template
