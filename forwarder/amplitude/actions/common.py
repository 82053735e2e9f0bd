"""What several actions make in the same way."""

import math
import re

from forwarder.amplitude.payload.validation import Values
from forwarder.amplitude.user_agent import LONGEST, fields_without_hints, parse_user_agent
from forwarder.javascript import values as js

_IOS = re.compile("ios", re.IGNORECASE | re.ASCII)
_ANDROID = re.compile("android", re.IGNORECASE | re.ASCII)


def platform(how: Values) -> object:
    """Return the platform in Amplitude's spelling; pages without one are "Web"; None for none."""
    shown = how.get("platform")
    if isinstance(shown, str):
        shown = _ANDROID.sub("Android", _IOS.sub("iOS", shown, count=1), count=1)
    if how.get("library") == "analytics.js" and not shown:
        return "Web"
    return shown


def agent_fields(how: Values) -> Values:
    """Return what the user agent says, newly made; every mapped field of the same name goes over it."""
    agent = how.get("userAgent")
    if not isinstance(agent, str):
        return {}
    fields: Values = {}
    if how.get("userAgentParsing"):
        hints = how.get("userAgentData")
        if hints and isinstance(hints, dict):
            fields = parse_user_agent(agent, hints)
        else:
            fields = dict(fields_without_hints(agent[:LONGEST]))
    if how.get("includeRawUserAgent"):
        fields["user_agent"] = agent
    return fields


def min_id_length(how: Values) -> float | None:
    """Return the least length of ids, in characters, where the mapping sets one."""
    value = how.get("min_id_length")
    if isinstance(value, (int, float)) and 0 < value < math.inf:
        return js.whole(js.to_double(value))
    return None
