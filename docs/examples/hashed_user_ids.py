"""User ids leave the page as a hash; whoever knows the ids can still match them.

The salt is in the page and so is no secret: it makes ids useless to who does not have them, it does not
make short numbers unguessable.
"""

import hashlib

SALT = "shop.example"
IDS = ("userId", "previousId")
PRIVATE = ("email", "phone", "firstName", "lastName", "name", "address", "birthday")


def hashed(value):
    return hashlib.sha256(f"{SALT}:{value}".encode("utf-8", "replace")).hexdigest()[:32]


def enrich(event, page):
    for name in IDS:
        given = event.get(name)
        if isinstance(given, (str, int)) and not isinstance(given, bool) and given != "":
            event[name] = hashed(given)
    context = event.get("context")
    for holder in (event, context if isinstance(context, dict) else {}):
        traits = holder.get("traits")
        if isinstance(traits, dict):
            holder["traits"] = {name: value for name, value in traits.items() if name not in PRIVATE}
    return event
