"""Pieces of a template made into what a context runs."""

from collections.abc import Callable, Collection, Iterable, Mapping
from typing import TypeAlias

from forwarder.mapping.liquid.context import Statement, Value
from forwarder.mapping.liquid.cursor import Cursor, Unreadable
from forwarder.mapping.liquid.expressions import Filters, filtered
from forwarder.mapping.liquid.pieces import Piece


class Builder:
    """Makes pieces of one template statements; ``tags`` by name, those not to be used in ``disabled``."""

    def __init__(self, text: str, filters: Filters, tags: "Tags", disabled: Collection[str]) -> None:
        self.text = text
        self.filters = filters
        self._tags = tags
        self._disabled = disabled

    def statements(self, pieces: Iterable[Piece]) -> list[Statement]:
        """Return what all the pieces do. Raises Unreadable."""
        rest = list(pieces)[::-1]
        made: list[Statement] = []
        while rest:
            made.append(self.statement(rest.pop(), rest))
        return made

    def block(self, opening: Piece, rest: list[Piece], *stops: str) -> tuple[list[Statement], Piece]:
        """Return what a tag encloses, and the tag that ends it, one of ``stops``."""
        made: list[Statement] = []
        while rest:
            piece = rest.pop()
            if piece.kind == "tag" and piece.name in stops:
                return made, piece
            made.append(self.statement(piece, rest))
        raise Unreadable(f"{opening.raw} is not closed; add {{% {stops[-1]} %}}")

    def statement(self, piece: Piece, rest: list[Piece]) -> Statement:
        """Return what a piece does; tags take what they enclose from ``rest``, whose last is next."""
        if piece.kind == "text":
            shown = piece.shown
            return lambda context: context.write(shown)
        if piece.kind == "output":
            return written(self.value(piece))
        if piece.name in self._disabled:
            raise Unreadable(f"tag {piece.name!r} is disabled")
        tag = self._tags.get(piece.name)
        if tag is None:
            raise Unreadable(f"there is no tag {piece.name!r}; use one of {', '.join(self._tags)}")
        return tag(self, piece, rest)

    def cursor(self, piece: Piece) -> Cursor:
        """Return the cursor on an output, or on what follows a tag's name."""
        return Cursor(self.text, piece.start, piece.stop)

    def value(self, piece: Piece) -> Value:
        """Return the expression that is all of an output, or all that follows a tag's name."""
        return filtered(self.cursor(piece), self.filters)


def written(value: Value) -> Statement:
    """Return what writes a value."""
    return lambda context: context.write(value(context))


Tag: TypeAlias = Callable[[Builder, Piece, list[Piece]], Statement]
"""Makes a tag a statement; what it encloses is taken from the end of the list."""
Tags: TypeAlias = Mapping[str, Tag]
