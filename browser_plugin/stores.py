"""What the browser's stores hold, taken together: the id and the last access to go by (see ``rules``)."""

from __future__ import annotations

from browser_plugin.session import whole_ms

TYPE_CHECKING = False
"""True to type checkers only: see ``rules``."""

if TYPE_CHECKING:
    from typing import Any

APART = 1000
"""Milliseconds by which the clocks of two tabs may differ."""


def chosen(stores: Any, now: float) -> dict[str, Any]:
    """Return the stored ``id`` and ``last`` access to go by, as texts, and whether a ``reset`` was asked for.

    Where stores disagree, the newest last access wins, and the id beside the newest one; a time to come is
    the least to be believed.
    """
    session_id = ""
    last = ""
    newest = -1
    beside = -2
    reset = False
    for store in stores:
        weight = -1
        moment = whole_ms(store[1])
        if moment is not None:
            weight = moment
            if moment > now + APART:
                weight = 0
        if weight > newest or len(last) < 1:
            last = store[1]
            newest = weight
        if whole_ms(store[0]) is None:
            if len(session_id) < 1:
                session_id = store[0]
        elif weight > beside:
            session_id = store[0]
            beside = weight
        if store[2] == "1":
            reset = True
    return {"id": session_id, "last": last, "reset": reset}
