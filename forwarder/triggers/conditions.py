"""A trigger as data: conditions and groups of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias


@dataclass(frozen=True, slots=True)
class Condition:
    """A condition: one comparison.

    ``field``: type, event, name, userId, properties, traits or context; ``path``: the keys below the last
    three, None if the reference's reading of the path fails; ``operator``: as in ``predicates.OPERATORS``;
    ``value``: what is compared with.
    """

    field: str
    path: tuple[str, ...] | None
    operator: str
    value: str | float | bool | None = None


@dataclass(frozen=True, slots=True)
class Group:
    """Conditions and groups, of which all (``and``) or any (``or``) must hold; empty groups are kept."""

    operator: Literal["and", "or"]
    children: Sequence["Node"]


Node: TypeAlias = Condition | Group
