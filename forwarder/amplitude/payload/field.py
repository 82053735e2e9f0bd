"""A field of an action: its type and what it takes."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final


class Kind(StrEnum):
    """The types a field can have."""

    STRING = "string"
    NUMBER = "number"
    INTEGER = "integer"
    BOOLEAN = "boolean"
    DATETIME = "datetime"
    OBJECT = "object"


@dataclass(frozen=True, slots=True)
class Field:
    """A field of an action.

    ``default``: the mapping node it starts with, None for none; ``nullable``: null is kept and sent;
    ``properties``: what an object declares; ``open``: undeclared properties are kept;
    ``multiple``: a list of such values; ``choices``: the only texts allowed; ``plain``: the class whose
    instances fit as they are, which is nearly every value that comes; None where each has to be looked at.
    """

    kind: Kind
    default: object = None
    nullable: bool = False
    required: bool = False
    properties: Mapping[str, "Field"] | None = None
    open: bool = True
    multiple: bool = False
    choices: tuple[str, ...] = ()
    plain: type | None = field(init=False, compare=False)

    def __post_init__(self) -> None:
        looked_at = self.multiple or self.choices or self.properties is not None
        object.__setattr__(self, "plain", None if looked_at else _PLAIN.get(self.kind))


_PLAIN: Final[dict[Kind, type]] = {
    Kind.STRING: str,
    Kind.NUMBER: float,
    Kind.INTEGER: int,
    Kind.BOOLEAN: bool,
    Kind.DATETIME: int,
    Kind.OBJECT: dict,
}
