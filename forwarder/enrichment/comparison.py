"""An owner's code in three places: the page's frozen module, the forwarder, and this Python alone."""

import json
from collections.abc import Iterator, Sequence
from typing import Any

from browser_plugin.enrichment import answered
from forwarder.enrichment.code import Enrichment
from forwarder.enrichment.effect import changes_between
from forwarder.enrichment.event import OF_FORWARDER, Bounds, Result, enrich_event
from forwarder.ingest.event import read_event
from forwarder.ingest.validation import validate

BOUNDS = Bounds(1_000_000, 1_000)
_RECEIVED = "2100-01-01T00:00:00.000Z"


def differences(
    one: Enrichment, texts: Sequence[str], page: Sequence[str | None]
) -> Iterator[tuple[int, str, dict[str, Any]]]:
    """Yield for each event that two places disagree on its number, the place, and the first difference.

    ``page``: what the page's module answered to each of ``texts``, None where it trapped: the whole module
    is asked then. The difference's ``before`` is this Python's, ``after`` the other place's.
    """
    for number, (text, said) in enumerate(zip(texts, page, strict=True)):
        here = _without_place(answered(one.function, one.version, text))
        places = [] if said is None else [("page", _without_place(said))]
        if (
            _is_valid(text)
            and "fault" not in here
            and _is_valid(json.dumps(here.get("event", json.loads(text))))
        ):
            places.append(("forwarder", _of_forwarder(one, text)))
        for place, there in places:
            if change := next(changes_between("", here, there), None):
                yield number, place, change


def _without_place(answer: str) -> dict[str, Any]:
    """Return an answer; of a fault the type alone: each Python has names of its own for places."""
    said: dict[str, Any] = json.loads(answer)
    return {"fault": said["fault"].partition(" ")[0]} if "fault" in said else said


def _is_valid(text: str) -> bool:
    read = read_event(text.encode())
    return read is not None and validate(read, read.typed.type) is None


def _of_forwarder(one: Enrichment, text: str) -> dict[str, Any]:
    event = json.loads(text)
    sent = event.get("timestamp")
    stored = {**event, "originalTimestamp": sent, "timestamp": _RECEIVED, "receivedAt": _RECEIVED}
    done = enrich_event(one, json.dumps(stored).encode(), None, BOUNDS)
    if done.result == Result.DROPPED:
        return {"dropped": True}
    if done.body is None or done.fault:
        return {"fault": done.fault.partition(" ")[0]}
    if done.result == Result.BY_PAGE:
        return {}
    kept = json.loads(done.body)
    kept["timestamp"] = sent
    if "timestamp" not in event:
        del kept["timestamp"]
    return {"event": {name: value for name, value in kept.items() if name not in OF_FORWARDER}}
