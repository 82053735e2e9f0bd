"""Where in the generated source an expression stands."""

from dataclasses import dataclass, field


@dataclass(slots=True)
class Scope:
    """The scope of one generated function, whose payload is ``p``.

    ``path_locals``: the local names of objects that several paths share, by the keys that lead there;
    ``may_hold_undefined``: the payload came from ``@transform``, so its lists may hold undefined elements;
    ``keys``: what is looked up in each of these objects, by their local names.
    """

    may_hold_undefined: bool
    payload_is_object: bool = False
    path_locals: dict[tuple[str, ...], str] = field(default_factory=lambda: {(): "p"})
    keys: dict[str, list[str]] = field(default_factory=dict)
    lines: list[str] = field(default_factory=list)

    def is_object(self, local: str) -> bool:
        """Return whether a local name stands for an object whatever the payload holds."""
        return local != "p" or self.payload_is_object

    def nested(self) -> "Scope":
        """Return an empty scope for another function of the same payload."""
        return Scope(self.may_hold_undefined, self.payload_is_object)


@dataclass(frozen=True, slots=True)
class NodeContext:
    """The context of a node: its ``place`` for errors, its depth, and whether its value is the end result.

    At the end (``final``) undefined fields are dropped and undefined elements null; below a directive that
    looks at the value they still count.
    """

    place: str
    scope: Scope
    final: bool
    depth: int = 0
    nesting: int = 0

    def below(self, key: str) -> "NodeContext":
        """Return the context of a field."""
        place = f"{self.place}.{key}" if self.place else key
        return NodeContext(place, self.scope, self.final, self.depth + 1, self.nesting + 1)

    def raw(self) -> "NodeContext":
        """Return the context of a value that a directive looks at."""
        return NodeContext(self.place, self.scope, False, self.depth + 1, self.nesting + 1)

    def deeper(self) -> "NodeContext":
        """Return the context one level down, the value still part of the end result."""
        return NodeContext(self.place, self.scope, self.final, self.depth + 1, self.nesting + 1)

    def inside(self, scope: Scope) -> "NodeContext":
        """Return the context of the same node in another function."""
        return NodeContext(self.place, scope, self.final, self.depth + 1, 0)
