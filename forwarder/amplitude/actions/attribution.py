"""Campaign and referrer as user properties, for the actions that take them as fields of their own."""

from typing import cast

from forwarder.amplitude.payload.validation import Values
from forwarder.amplitude.wire.limits import USER_PROPERTIES
from forwarder.errors import PayloadError
from forwarder.javascript import values as js


def attributed(options: Values, *, own_first: bool) -> object:
    """Return the user properties with campaign and referrer set and set once; unchanged where there is none.

    ``own_first``: the user's own ``$set`` and ``$setOnce`` entries win over campaign and referrer. Raises
    PayloadError for a text or list in place of these entries that is too long.
    """
    own = options.get("user_properties")
    utm = cast("Values", options.get("utm_properties") or {})
    referrer = options.get("referrer")
    if not utm and not referrer:
        return own
    own_rest = {
        name: value
        for name, value in cast("Values", own or {}).items()
        if name not in ("utm_properties", "referrer")
    }
    found: list[Values] = []
    if utm:
        found.append({"$set": utm, "$setOnce": {f"initial_{name}": value for name, value in utm.items()}})
    if referrer:
        found.append({"$set": {"referrer": referrer}, "$setOnce": {"initial_referrer": referrer}})
    layers = [*found, own_rest] if own_first else [own_rest, *found]
    merged: Values = {}
    for layer in layers:
        operators = {
            name: {**_spread(name, merged.get(name)), **_spread(name, layer.get(name))}
            for name in ("$set", "$setOnce")
            if js.truthy(merged.get(name)) or js.truthy(layer.get(name))
        }
        merged = {**merged, **layer, **operators}
    return merged


def _spread(name: str, value: object) -> Values:
    """Return what JavaScript's spread makes of a value: texts and lists become objects by index.

    Raises PayloadError where that makes too many of them.
    """
    if isinstance(value, dict):
        return value
    if isinstance(value, str):
        if len(value) <= USER_PROPERTIES:
            value = js.string_units(value)
    elif not isinstance(value, list):
        return {}
    if len(value) > USER_PROPERTIES:
        reason = f"would become {len(value)} properties, at most {USER_PROPERTIES} are made; send an object"
        raise PayloadError({f"$.user_properties.{name}": reason})
    return {str(at): one for at, one in enumerate(value)}
