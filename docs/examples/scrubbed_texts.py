"""No e-mail address and no query parameter leaves the page, in whatever text of an event it stands.

Parameters of advertisements (``utm_...``) stay. An id that is an e-mail address becomes its SHA-256, so that
two users do not become one.
"""

import hashlib
import re

# Every part has a bound, so that no text, however odd, takes long.
EMAIL = re.compile(r"[\w.+%-]{1,64}(?:@|%40)[\w-]{1,63}(?:\.[\w-]{1,63}){1,8}", re.IGNORECASE)
QUERY = re.compile(r"\?([^\s#?]+)")
KEPT_PARAMETER = re.compile(r"utm_\w{1,20}=")
IDS = ("userId", "anonymousId", "previousId", "groupId")


def without_query(found):
    kept = [part for part in found[1].split("&") if KEPT_PARAMETER.match(part)]
    return "?" + "&".join(kept) if kept else ""


def scrubbed(value):
    if isinstance(value, str):
        plain = EMAIL.sub("[e-mail]", value)
        return QUERY.sub(without_query, plain) if "/" in plain or plain.startswith("?") else plain
    if isinstance(value, list):
        return [scrubbed(one) for one in value]
    if isinstance(value, dict):
        return {scrubbed(name): scrubbed(one) for name, one in value.items()}
    return value


def enrich(event, page):
    done = scrubbed(event)
    for name in IDS:
        given = event.get(name)
        if isinstance(given, str) and EMAIL.search(given):
            done[name] = hashlib.sha256(given.strip().lower().encode()).hexdigest()
    if "integrations" in event:
        done["integrations"] = event["integrations"]
    return done
