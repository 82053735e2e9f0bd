"""How a destination is served, and bounds on what it may take of memory."""

from dataclasses import dataclass

from forwarder.amplitude.wire.limits import DAY_MS

PATIENCE_MS = 1_000
"""How long a batch that is due may go on filling while more events are at hand."""
PARK_MS = 10_000
"""An event that waits longer makes room and lets the cursor pass: it waits on disk."""
LOAD_EVENTS = 500
"""Most events of a group brought back at once."""
MAX_GROUPS = 20_000
"""Bounds what groups need of memory: beyond, no more is read until some are through."""
MAX_WINDOW_BYTES = 64 * 1024 * 1024
"""Bounds what events need of memory: as they came, and all that was written for them."""


@dataclass(frozen=True, slots=True)
class SchedulerSettings:
    """The delivery settings of one destination; times in ms.

    ``linger_ms``: how long an event may wait for company; ``batch_events``: most events per request;
    ``at_once``: requests in flight; ``window``: events in memory; ``budget_ms``: how long an event is
    tried that fails while others succeed; ``timeout_ms``: how long an answer may take; ``redrive_ms``: how
    often dead letters that an operator sends again are looked for.
    """

    linger_ms: int = 50
    batch_events: int = 2000
    at_once: int = 4
    window: int = 10_000
    budget_ms: int = DAY_MS
    timeout_ms: int = 30_000
    redrive_ms: int = 2_000
