"""What the emitters of directives and fields need of the generator that calls them."""

from abc import abstractmethod
from collections.abc import Iterator
from typing import Protocol

from forwarder.mapping.compiler.scope import NodeContext, Scope
from forwarder.mapping.runtime.liquid import Clock


class Generator(Protocol):
    """The generator of a mapping's source, as emitters see it.

    ``clock``: seconds since the epoch, for ``@liquid``; ``numbers``: make local names unlike each other.
    """

    clock: Clock
    numbers: Iterator[int]

    @abstractmethod
    def constant(self, value: object) -> str:
        """Return the name of a constant."""

    @abstractmethod
    def function(self, node: object, context: NodeContext, scope: Scope | None = None) -> str:
        """Write a function of a payload for the node, by default in the context's scope; return its name."""

    @abstractmethod
    def expression(self, node: object, context: NodeContext) -> str:
        """Return the expression of any node."""

    @abstractmethod
    def cleaned(self, value: str, context: NodeContext) -> str:
        """Return the expression of a value in which undefined may be left."""

    @abstractmethod
    def failure(self, where: str, message: str) -> str:
        """Return the expression that raises: the reference, too, finds this mistake only here."""

    @abstractmethod
    def path(self, keys: tuple[str, ...], scope: Scope) -> str:
        """Return the expression of a walk; objects on the way are looked up once per function."""
