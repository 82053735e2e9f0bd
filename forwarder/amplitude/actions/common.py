"""What several actions make in the same way."""

import math
import re

from forwarder.amplitude.payload.validation import Values
from forwarder.amplitude.user_agent import LONGEST, fields_without_hints, parse_user_agent
from forwarder.javascript import values as js

_IOS = re.compile("ios", re.IGNORECASE | re.ASCII)
_ANDROID = re.compile("android", re.IGNORECASE | re.ASCII)


def platform(options: Values) -> object:
    """Return the platform in Amplitude's spelling; pages without one are "Web"; None for none."""
    shown = options.get("platform")
    if isinstance(shown, str):
        shown = _ANDROID.sub("Android", _IOS.sub("iOS", shown, count=1), count=1)
    if options.get("library") == "analytics.js" and not shown:
        return "Web"
    return shown


def agent_fields(options: Values) -> Values:
    """Return what the user agent says, newly made; every mapped field of the same name goes over it."""
    agent = options.get("userAgent")
    if not isinstance(agent, str):
        return {}
    fields: Values = {}
    if options.get("userAgentParsing"):
        hints = options.get("userAgentData")
        if hints and isinstance(hints, dict):
            fields = parse_user_agent(agent, hints)
        else:
            fields = dict(fields_without_hints(agent[:LONGEST]))
    if options.get("includeRawUserAgent"):
        fields["user_agent"] = agent
    return fields


def min_id_length(options: Values) -> float | None:
    """Return the least length of ids, in characters, where the mapping sets one."""
    value = options.get("min_id_length")
    if isinstance(value, (int, float)) and 0 < value < math.inf:
        return js.whole(js.to_double(value))
    return None
