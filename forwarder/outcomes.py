"""The one list of what can become of an event.

Every event that reaches the forwarder ends in exactly one outcome per destination; ``rejected`` and
``duplicate`` at ingest are ends for all destinations at once.
"""

from enum import StrEnum


class Outcome(StrEnum):
    """The outcome of an event: how it ended."""

    DELIVERED = "delivered"
    """Amplitude took everything planned from it."""
    DUPLICATE = "duplicate"
    """The same source sent the same message id within 24 hours; only the first is kept."""
    FILTERED = "filtered"
    """No trigger of the destination matched, the event excludes the destination, or its user was deleted.

    At ingest: the owner's own ``enrich`` dropped it, for all destinations."""
    REJECTED = "rejected"
    """Refused at ingest; a strict source's sender gets the reason."""
    DEAD = "dead"
    """In the dead letters, with a reason."""
