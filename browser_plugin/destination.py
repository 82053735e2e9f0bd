"""The destination's two names, and whether an event may go there.

The one definition for the page, for ingest, for planning and for delivery. Standard library only, and no
feature that the page's compiler does not know.
"""

from collections.abc import Mapping
from typing import Any

NAMES = ("Actions Amplitude", "Amplitude (Actions)")
"""Names under which an event's ``integrations`` may speak of the destination: both mean the same."""
STAMPED = NAMES[0]
"""The name that carries the session id, as Segment's own session plugin writes it."""


def may_go(integrations: object) -> bool:
    """Tell whether an event with these ``integrations`` may go to the destination.

    An explicit ``false`` under either name beats everything, our own stamp included: a consent tool set it.
    Anything that is true in JavaScript, under either name, allows it; otherwise ``All: false`` forbids it.
    """
    if not isinstance(integrations, Mapping):
        return True
    allowed = False
    for name in NAMES:
        said = integrations.get(name)
        if said is False:
            return False
        if said or isinstance(said, (Mapping, list)):  # empty ones are true in JavaScript
            allowed = True
    return allowed or integrations.get("All") is not False


def with_both_names(integrations: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return ``integrations`` with the destination's options, if there are any, under both names.

    Where both have options, those under the stamped name count.
    """
    options: dict[str, Any] = {}
    for name in reversed(NAMES):
        given = integrations.get(name)
        if isinstance(given, Mapping):
            options.update(given)
    return {**integrations, **dict.fromkeys(NAMES, options)} if options else integrations
