"""Opening the spool that the configuration names."""

from forwarder.settings import SpoolSettings
from forwarder.spool import Spool, open_spool


async def open_configured(spool: SpoolSettings, *, tool: bool = False) -> Spool:
    """Return the spool; ``tool``: to look at it beside a forwarder. Raises SpoolError."""
    return await open_spool(
        spool.path,
        max_events=spool.max_events,
        max_bytes=spool.max_bytes,
        tool=tool,
        copy=spool.copy_path,
        token=spool.token.get_secret_value(),
        replicas=spool.replicas,
    )
