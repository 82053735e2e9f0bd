"""Items as the reference would send them: one request per action, not batched."""

from collections.abc import Callable, Sequence

from forwarder.amplitude.wire.endpoints import Endpoint
from forwarder.amplitude.wire.items import Call, Item
from forwarder.javascript.json import stringify

_EVENTS = (Endpoint.HTTPAPI, Endpoint.BATCH)


def calls(
    items: Sequence[Item], api_key: str, url: Callable[[Endpoint], str], *, single: bool = False
) -> list[Call]:
    """Return the requests for the items of one action; events share one, all others have their own.

    ``single``: an identification is sent as an object of its own, not in a list (identifyUser).
    """
    made: list[Call] = []
    for item in items:
        address = url(item.endpoint)
        options = {"min_id_length": item.min_id_length} if item.min_id_length else None
        if item.endpoint in _EVENTS:
            if made:
                events = made[-1].json["events"] if made[-1].json else None
                assert isinstance(events, list)
                events.append(item.body)
                continue
            body: dict[str, object] = {"api_key": api_key, "events": [item.body]}
            if options:
                body["options"] = options
            made.append(Call("POST", address, json=body))
        elif item.endpoint is Endpoint.DELETIONS:
            made.append(Call("POST", address, json=item.body))
        else:
            name = "mapping" if item.endpoint is Endpoint.USERMAP else "identification"
            form = {"api_key": api_key, name: stringify(item.body if single else [item.body])}
            if options:
                form["options"] = stringify(options)
            made.append(Call("POST", address, form=form))
    return made
