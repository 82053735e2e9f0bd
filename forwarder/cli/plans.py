"""``forwarder plan``: what would be sent for events, without sending."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

import orjson

from forwarder.amplitude import AmplitudeDestination, Call, Planned
from forwarder.mapping.json_text import stringify


def read_events(lines: Iterable[bytes]) -> Iterator[tuple[dict[str, object], str | None]]:
    """Yield the event of each line that is not empty; or what is wrong with the line."""
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            event = orjson.loads(line)
        except orjson.JSONDecodeError as error:
            yield {}, f"line {number} is not JSON: {error}; give one event per line"
            continue
        if not isinstance(event, dict):
            yield {}, f"line {number} is not a JSON object; give one event per line"
            continue
        yield event, None


def plan_line(event: Mapping[str, object], destinations: Mapping[str, AmplitudeDestination]) -> str:
    """Return as JSON ``messageId`` and what every destination makes of the event.

    With several destinations each planned entry names its own.
    """
    planned: list[dict[str, object]] = []
    for name, destination in destinations.items():
        named = {"destination": name} if len(destinations) > 1 else {}
        planned += [{**named, **_shown(one)} for one in destination.plan(event)]
    message_id = event.get("messageId")
    if isinstance(message_id, (dict, list)):  # no id, and maybe too deep to be written
        message_id = None
    return stringify({"messageId": message_id, "planned": planned})


def _shown(planned: Planned) -> dict[str, object]:
    error = planned.error
    shown: dict[str, object] = {
        "subscription": planned.subscription,
        "action": planned.action,
        "calls": _calls(planned.calls),
        "error": {"name": type(error).__name__, "message": str(error)} if error else None,
    }
    if planned.warnings:
        shown["warnings"] = [
            {"kind": warning.kind, "field": warning.field, "message": warning.message}
            for warning in planned.warnings
        ]
    return shown


def _calls(calls: Sequence[Call]) -> list[dict[str, object]]:
    return [
        {
            "method": call.method,
            "url": call.url,
            **({"json": call.json} if call.form is None else {"form": call.form}),
        }
        for call in calls
    ]
