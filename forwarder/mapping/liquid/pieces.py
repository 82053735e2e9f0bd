"""A template cut into its pieces: text, ``{{ outputs }}`` and ``{% tags %}``."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal

from forwarder.mapping.liquid.cursor import BLANKS, Cursor, Unreadable, end_of_quoted

_OPENING: Final = re.compile(r"\{\{|\{%")
_STOP: Final = re.compile("[\"']|}}")
_TAG_EDGE: Final = re.compile(r"%\}|\{%")


@dataclass(slots=True)
class Piece:
    """A part of a template.

    ``raw``: as written; ``shown``: a text without what delimiters took away; ``start``, ``stop``: where the
    content of an output or tag lies, of a tag what follows its ``name``.
    """

    kind: Literal["text", "output", "tag"]
    raw: str
    shown: str = ""
    name: str = ""
    start: int = 0
    stop: int = 0
    trims_left: bool = False
    trims_right: bool = False


def split(text: str) -> list[Piece]:
    """Return the pieces of a template. Raises Unreadable where a piece is not closed."""
    pieces: list[Piece] = []
    at = 0
    in_raw = False
    while at < len(text):
        if in_raw:
            tag_at, stop = _endraw(text, at)
            if tag_at > at:
                pieces.append(Piece("text", text[at:tag_at], text[at:tag_at]))
            pieces.append(_tag(text, tag_at, stop))
            in_raw = False
        elif text.startswith("{%", at):
            # Quotes do not count: the first %} ends the tag.
            stop = text.find("%}", at + 1) + 2
            if stop < 2:
                raise Unreadable(f"the tag at character {at} is not closed; add %}}")
            pieces.append(_tag(text, at, stop))
            in_raw = pieces[-1].name == "raw"
        elif text.startswith("{{", at):
            stop = _output_end(text, at)
            pieces.append(_delimited("output", text, at, stop, 2))
        else:
            opening = _OPENING.search(text, at)
            stop = opening.start() if opening else len(text)
            pieces.append(Piece("text", text[at:stop], text[at:stop]))
        at = stop
    _trim(pieces)
    return pieces


def lines(text: str, start: int, stop: int) -> Iterator[Piece]:
    """Yield the tags of a ``{% liquid %}``, one on each line."""
    cursor = Cursor(text, start, stop)
    while not cursor.is_done():
        begin = cursor.at
        cursor.skip_to("\n")
        yield _named(_delimited("tag", text, begin, cursor.at, 0), text)


def _output_end(text: str, start: int) -> int:
    at = start + 2
    while found := _STOP.search(text, at):
        if found[0] == "}}":
            return found.end()
        at = end_of_quoted(text, found.start(), len(text))
    raise Unreadable(f"the output at character {start} is not closed; add }}}}")


def _endraw(text: str, start: int) -> tuple[int, int]:
    """Return where the tag that ends a raw block begins and ends."""
    at = text.find("{%", start)
    tag_at = at
    while at >= 0:
        cursor = Cursor(text, at + 2, len(text))
        if cursor.word() != "endraw":
            at = tag_at = text.find("{%", at + 2)
            continue
        edge = _TAG_EDGE.search(text, cursor.at)
        if edge is None:
            break
        if edge[0] == "%}":
            return tag_at, edge.end()
        at = edge.start()
    raise Unreadable("{% raw %} is not closed; add {% endraw %}")


def _tag(text: str, begin: int, stop: int) -> Piece:
    return _named(_delimited("tag", text, begin, stop, 2), text)


def _named(piece: Piece, text: str) -> Piece:
    """Return the tag with its name read."""
    cursor = Cursor(text, piece.start, piece.stop)
    piece.name = "#" if cursor.accept("#") else cursor.word()
    if not piece.name:
        cursor.fail("a tag needs a name")
    cursor.skip_blanks()
    piece.start = cursor.at
    return piece


def _delimited(kind: Literal["output", "tag"], text: str, begin: int, stop: int, width: int) -> Piece:
    start, end = begin + width, stop - width
    trims_left, trims_right = text[start : start + 1] == "-", text[max(end - 1, 0)] == "-"
    start += trims_left
    end -= trims_right
    while start < end and text[start] in BLANKS:
        start += 1
    while end > start and text[end - 1] in BLANKS:
        end -= 1
    return Piece(
        kind, text[begin:stop], start=start, stop=end, trims_left=trims_left, trims_right=trims_right
    )


def _trim(pieces: list[Piece]) -> None:
    """Take away the blanks that delimiters with ``-`` ask for; none within raw blocks."""
    in_raw = False
    for before, piece, after in zip([None, *pieces], pieces, [*pieces[1:], None], strict=False):
        if piece.kind == "text":
            continue
        if piece.trims_left and not in_raw and before is not None and before.kind == "text":
            before.shown = before.shown.rstrip(BLANKS)
        in_raw = piece.name == "raw" or (in_raw and piece.name != "endraw")
        if piece.trims_right and not in_raw and after is not None and after.kind == "text":
            after.shown = after.shown.lstrip(BLANKS)
