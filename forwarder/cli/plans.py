"""``forwarder plan``: what would be sent for events, without sending."""

from collections.abc import Mapping

import orjson

from forwarder.amplitude import AmplitudeDestination, Call, Planned
from forwarder.delivery.scheduler.planning import why_unmatched
from forwarder.enrichment.effect import Effect
from forwarder.javascript.json import stringify
from forwarder.sessions.stamp import REASON, shown_reason
from forwarder.text import whole_value
from forwarder.trial.accepting import Rejected
from forwarder.trial.explanation import Skips, no_skips, without_key


def plan_line(
    event: Mapping[str, object],
    destinations: Mapping[str, AmplitudeDestination],
    skips: Skips = no_skips,
    effect: Effect | None = None,
) -> str:
    """Return as JSON ``messageId`` and what every destination makes of the event.

    With several destinations each planned entry names its own. ``filtered``: why destinations get nothing;
    ``enriched``: what the owner's code did, where the source has one;
    ``session``: why the event is in its session, where the forwarder decides that.
    """
    planned: list[dict[str, object]] = []
    filtered: dict[str, object] = {}
    for name, destination in destinations.items():
        skipped = skips(name)
        made = [] if skipped else destination.plan(event)
        if not made:
            filtered[name] = skipped or why_unmatched(destination)
        named = {"destination": name} if len(destinations) > 1 else {}
        planned += [{**named, **_shown(one)} for one in made]
    message_id = orjson.Fragment(stringify(_message_id(event)))
    shown: dict[str, object] = {"messageId": message_id, "planned": planned}
    if effect:
        shown["enriched"] = orjson.Fragment(stringify(effect.shown()))
    if REASON in event:
        shown["session"] = shown_reason(event)
    # The requests' JSON stands here byte for byte as it would be sent.
    return orjson.dumps(whole_value({**shown, "filtered": filtered} if filtered else shown)).decode()


def rejected_line(event: object, rejected: Rejected) -> str:
    """Return as JSON that and why an event would not be accepted."""
    reason = {"code": rejected.code, "message": rejected.message}
    return stringify({"messageId": _message_id(event), "planned": [], "rejected": reason})


def _message_id(event: object) -> object:
    message_id = event.get("messageId") if isinstance(event, Mapping) else None
    # Anything else is no id, and maybe too deep to be written.
    return message_id if isinstance(message_id, (str, int, float)) else None


def _shown(planned: Planned) -> dict[str, object]:
    error = planned.error
    shown: dict[str, object] = {
        "subscription": planned.subscription,
        "action": planned.action,
        "calls": [_call(call) for call in planned.calls],
        "error": {"name": type(error).__name__, "message": str(error)} if error else None,
    }
    if planned.warnings:
        shown["warnings"] = [
            {"kind": warning.kind, "field": warning.field, "message": warning.message}
            for warning in planned.warnings
        ]
    return shown


def _call(call: Call) -> dict[str, object]:
    body = {"json": orjson.Fragment(call.masked)} if call.form is None else {"form": without_key(call.form)}
    return {"method": call.method, "url": call.url, **body}
