"""What has to be looked after now and then while a forwarder runs; a failure does not end it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import structlog

from forwarder import metrics
from forwarder.faults import fault_of

log = structlog.get_logger()


async def do_chore(what: str, work: Callable[[], Awaitable[None]]) -> None:
    """Do a chore once. A failure is counted and logged under ``what``; the next time comes all the same."""
    try:
        await work()
    except Exception as error:
        metrics.FAULTS.add("", what)
        log.error("looking after the spool failed, and is tried again", where=what, fault=fault_of(error))
