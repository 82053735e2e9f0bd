"""What several actions make in the same way."""

import math
import re

from forwarder.amplitude.user_agent import LONGEST, fields_without_hints, parse_user_agent
from forwarder.amplitude.validation import Payload
from forwarder.javascript import values as js

_IOS = re.compile("ios", re.IGNORECASE | re.ASCII)
_ANDROID = re.compile("android", re.IGNORECASE | re.ASCII)


def platform(payload: Payload) -> object:
    """Return the platform in Amplitude's spelling; pages without one are "Web"; None for none."""
    shown = payload.get("platform")
    if isinstance(shown, str):
        shown = _ANDROID.sub("Android", _IOS.sub("iOS", shown, count=1), count=1)
    if payload.get("library") == "analytics.js" and not shown:
        return "Web"
    return shown


def agent_fields(payload: Payload) -> Payload:
    """Return what the user agent says, newly made; every mapped field of the same name goes over it."""
    agent = payload.get("userAgent")
    if not isinstance(agent, str):
        return {}
    fields: Payload = {}
    if payload.get("userAgentParsing"):
        hints = payload.get("userAgentData")
        if hints and isinstance(hints, dict):
            fields = parse_user_agent(agent, hints)
        else:
            fields = dict(fields_without_hints(agent[:LONGEST]))
    if payload.get("includeRawUserAgent"):
        fields["user_agent"] = agent
    return fields


def min_id_length(payload: Payload) -> float | None:
    """Return the least length of ids, in characters, where the mapping sets one."""
    value = payload.get("min_id_length")
    if isinstance(value, (int, float)) and 0 < value < math.inf:
        return js.whole(js.to_double(value))
    return None
