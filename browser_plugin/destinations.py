"""May an event go to the destination? The one place for its names and for that rule.

The page's rules, which are compiled from this source as well, and the forwarder ask here. Plain functions of
JSON values, in the part of Python that PScript can compile (see ``session``).
"""

from __future__ import annotations

TYPE_CHECKING = False
"""True to type checkers only: the frozen module would carry what importing typing brings in."""

if TYPE_CHECKING:
    from typing import Any

NAME = "Actions Amplitude"
"""The destination's name in ``integrations``: the session id is put under it."""
OTHER_NAME = "Amplitude (Actions)"
"""Its display name, which consent tools write; it means the same."""
NAMES = (NAME, OTHER_NAME)
NOUGHT = 0
EMPTY = ""


def field(value: object, name: str) -> Any:
    """Return ``value[name]``; None where ``value`` is no JSON object or has no such field."""
    if isinstance(value, dict):
        return value.get(name)
    return None


def is_set(value: object) -> bool:
    """Tell whether JavaScript takes a JSON value for true: empty objects and lists are."""
    if value is None or value is False or value is True:
        return value is True
    if isinstance(value, dict) or isinstance(value, list):  # noqa: SIM101  # as PScript takes it
        return True
    return value != NOUGHT and value != EMPTY


def is_denied(integrations: object) -> bool:
    """Tell whether ``integrations`` say a plain ``false`` to the destination, under either of its names."""
    return field(integrations, NAME) is False or field(integrations, OTHER_NAME) is False


def may_receive(integrations: object) -> bool:
    """Tell whether an event with these ``integrations`` may go to the destination.

    A plain ``false`` under either name beats everything, a session id under the other name included. Else
    ``All: false`` keeps the event away unless either name is there with a value that counts as true.
    """
    if is_denied(integrations):
        return False
    if field(integrations, "All") is False:
        return is_set(field(integrations, NAME)) or is_set(field(integrations, OTHER_NAME))
    return True
