"""Opening the spool that the configuration names, or only trying it."""

from forwarder.config.settings import SpoolSettings
from forwarder.spool import Spool, open_spool
from forwarder.spool.location import is_stream_url, parse_stream_url
from forwarder.spool.sqlite.dead_letter_bounds import DAY_MS


async def open_configured(spool: SpoolSettings, *, tool: bool = False) -> Spool:
    """Return the spool; ``tool``: to look at it beside a forwarder. Raises SpoolError."""
    opened = await open_spool(
        spool.path,
        max_events=spool.max_events,
        max_bytes=spool.max_bytes,
        tool=tool,
        copy=spool.copy_path,
        token=spool.token.get_secret_value(),
        replicas=spool.replicas,
    )
    opened.bound_dead(spool.dead_letter_max_bytes, round(spool.dead_letter_max_days * DAY_MS))
    return opened


async def try_configured(spool: SpoolSettings) -> None:
    """See whether a stream can be used; a file shows when it is opened. Raises SpoolError where it cannot."""
    if is_stream_url(spool.path):
        from forwarder.spool.jetstream.opening import try_stream

        await try_stream(parse_stream_url(spool.path), spool.token.get_secret_value())
