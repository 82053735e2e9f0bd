"""What RudderStack's libraries write in other places than Segment's."""

from browser_plugin.destinations import NAME, NAMES, may_receive
from forwarder.ingest.event import Context, EventFields
from forwarder.ingest.fields import read_fields, read_value

_SECONDS = range(10**9, 10**10)
"""Sessions of its mobile libraries begin at a second, Amplitude's at a millisecond."""
_LONGEST = 2**53
"""From here on JavaScript's numbers are not whole ones any more."""


def stamp_session(kept: dict[str, object], context: Context) -> None:
    """Take the session id of ``context.sessionId`` where the event has none and may go to the destination."""
    session = session_id(context.session_id)
    given = kept.get("integrations", b"{}")
    integrations = read_value(given)  # type: ignore[arg-type]
    if session is None or not may_receive(integrations):
        return
    said = integrations if isinstance(integrations, dict) else {}
    options = [said[name] for name in NAMES if isinstance(said.get(name), dict)]
    if not any("session_id" in one for one in options):
        stamp = {**next(iter(options), {}), "session_id": session}
        kept["integrations"] = {**(read_fields(given) or {}), NAME: stamp}  # type: ignore[arg-type]


def session_id(value: object) -> int | None:
    """Return the session id in ms that a ``sessionId`` means, None where it means none."""
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= 16:
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool) or not 0 < value < _LONGEST:
        return None
    return value * 1_000 if value in _SECONDS else value


def name_screen(kept: dict[str, object], typed: EventFields) -> None:
    """Give a screen or page without ``name`` the one that stands in ``event``, else in the properties."""
    name = typed.event
    if not (name and isinstance(name, str)):
        properties = read_value(kept.get("properties"))  # type: ignore[arg-type]
        name = properties.get("name") if isinstance(properties, dict) else None
    if name and isinstance(name, str):
        kept["name"] = name
