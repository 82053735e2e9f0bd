"""What may leave a page that goes away, or has no Python: a minimal event, or none.

In the part of Python that PScript can compile (see ``session``): a page needs it where Python is not up.
"""

from __future__ import annotations

from browser_plugin.destinations import field

TYPE_CHECKING = False
"""True to type checkers only: see ``rules``."""

if TYPE_CHECKING:
    from typing import Any

KEPT = ["type", "messageId", "timestamp"]
"""Fields that stay as they were, whatever becomes of an event: by these it is known."""


def refuses(integrations: object, name: str) -> bool:
    """Tell whether ``integrations`` say a plain ``false`` to the destination of that name."""
    return field(integrations, name) is False


def least(event: dict[str, Any], names: list[str]) -> dict[str, Any] | None:
    """Return the event with the named fields alone, ``KEPT`` among them; None where none is named."""
    if len(names) < 1:
        return None
    found: dict[str, Any]
    found = {}
    for name in names:
        value = field(event, name)
        if value is not None:
            found[name] = value
    return found
