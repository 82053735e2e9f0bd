"""What a JSON value is: a number, a time, a user id, a text, an object (see ``rules``)."""

from __future__ import annotations

TYPE_CHECKING = False
"""True to type checkers only: see ``rules``."""

if TYPE_CHECKING:
    from typing import Any

    Facts = dict[str, Any]
    Patch = dict[str, Any]

LIMIT = 1_000_000_000_000_000
"""Times below this are exact in JavaScript's numbers, and so are their sums."""


def is_number(value: object) -> bool:
    """Tell whether a JSON value is a number."""
    return isinstance(value, (int, float)) and value is not True and value is not False


def is_moment(value: Any) -> bool:
    """Tell whether a JSON value is a time in whole milliseconds."""
    if not is_number(value) or value < 0 or value >= LIMIT:
        return False
    rest = value % 1
    return rest < 1 and not rest > 0  # a JSON number's, never NaN


def is_known(user: Any) -> bool:
    """Tell whether a JSON value is a user id: a number or a text that is not empty."""
    if isinstance(user, str):
        return len(user) > 0
    return is_number(user)


def as_text(value: Any) -> str:
    """Return a text; an empty one for what is none: no two languages write it alike."""
    if isinstance(value, str):
        return value
    return ""


def copied(value: Any) -> dict[str, Any]:
    """Return a copy of a JSON object; an empty one for what is none."""
    if isinstance(value, dict):
        return dict(value)
    return {}
