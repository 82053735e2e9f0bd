"""Amplitude's limits, each once: what one request, event, user or group may hold.

Its documentation names them: "HTTP V2 API", "Batch Event Upload API", "Identify API", "Group Identify API",
"User Mapping API", "User Privacy API", and "Limits".
"""

from typing import Final, NamedTuple

from forwarder.amplitude.wire.endpoints import Endpoint


class Bound(NamedTuple):
    """The most items and bytes that one request may have."""

    items: int
    bytes: int


BOUNDS: Final = {
    Endpoint.HTTPAPI: Bound(2000, 1_000_000),
    Endpoint.BATCH: Bound(2000, 20_000_000),
    Endpoint.IDENTIFY: Bound(1024, 1_000_000),
    Endpoint.GROUPIDENTIFY: Bound(1024, 1_000_000),
    Endpoint.USERMAP: Bound(2000, 1_000_000),
    Endpoint.DELETIONS: Bound(1, 1_000_000),
}
"""Of a request to each endpoint. A deletion is a request of its own, for up to ``DELETED_USERS``."""

DELETED_USERS: Final = 100
"""User ids that one request for deletion takes."""

DAY_MS: Final = 24 * 3_600_000
INSERT_ID_WINDOW_MS: Final = 7 * DAY_MS
"""How long Amplitude knows an insert id: what comes again later counts twice."""

ID_CHARACTERS: Final = 5
"""Least characters of a user id or device id, unless ``min_id_length`` says otherwise."""
REFUSED_IDS: Final = frozenset(
    ("anonymous", "nil", "none", "null", "n/a", "na", "undefined", "unknown", "{}", "lmy47d", "0", "-1")
)
"""Ids that Amplitude takes for none, in whatever case."""
NIL_ID: Final = "00000000-0000-0000-0000-000000000000"
"""The one longer id that is refused."""

TEXT_CHARACTERS: Final = 1024
"""Characters that Amplitude keeps of a text."""
LEVELS: Final = 40
"""Levels of objects and lists that Amplitude keeps below an item's field."""
GROUP_TYPES: Final = 5
"""Group types of one event."""
GROUP_VALUES: Final = 10
"""Values of one group type in one event."""
USER_PROPERTIES: Final = 1000
"""Properties that Amplitude keeps of a user."""
