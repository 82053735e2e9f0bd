"""How two items differ, field by field."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

EXPECTED: Final = {
    "insert_id": "made here where no mapping gives one, so that an item that is sent again counts once",
}
"""Fields that are there on one side only and on purpose, each with the reason."""
ABSENT: Final = object()
"""The value of a field that is not there."""


class How(StrEnum):
    """The way in which a field differs."""

    CHANGED = "differs"
    ONLY_SENT = "only in what was sent"
    ONLY_PLANNED = "only in the plan"


@dataclass(frozen=True, slots=True)
class Difference:
    """The difference of one field. ``field``: its path; ``sent``, ``planned``: the values, or ``ABSENT``."""

    field: str
    sent: Any
    planned: Any

    @property
    def how(self) -> How:
        """Return which side has it."""
        if self.sent is ABSENT:
            return How.ONLY_PLANNED
        return How.ONLY_SENT if self.planned is ABSENT else How.CHANGED

    @property
    def expected(self) -> bool:
        """Return whether it differs on purpose, see ``EXPECTED``."""
        return self.field in EXPECTED and self.how is How.ONLY_PLANNED


def differences(sent: Mapping[str, Any], planned: Mapping[str, Any]) -> Iterator[Difference]:
    """Yield what differs between two items, in the order of their fields."""
    yield from _compare("", sent, planned)


def _compare(path: str, sent: Any, planned: Any) -> Iterator[Difference]:
    if isinstance(sent, Mapping) and isinstance(planned, Mapping):
        for name in dict.fromkeys((*sent, *planned)):
            below = f"{path}.{name}" if path else str(name)
            yield from _compare(below, sent.get(name, ABSENT), planned.get(name, ABSENT))
    elif _is_list(sent) and _is_list(planned):
        for at in range(max(len(sent), len(planned))):
            pair = (side[at] if at < len(side) else ABSENT for side in (sent, planned))
            yield from _compare(f"{path}[{at}]", *pair)
    elif not _equal(sent, planned):
        yield Difference(path, sent, planned)


def _is_list(value: Any) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str)


def _equal(sent: Any, planned: Any) -> bool:
    """Return whether two values are the same in JSON, where 1 and 1.0 are one number and true is none."""
    if isinstance(sent, bool) or isinstance(planned, bool):
        return sent is planned
    return bool(sent == planned)
