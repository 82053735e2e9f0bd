"""``forwarder plan``: what would be sent for events, without sending."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

import orjson

from forwarder.amplitude import AmplitudeDestination, Call, Planned


def plan_lines(
    lines: Iterable[bytes], destinations: Mapping[str, AmplitudeDestination]
) -> Iterator[tuple[bytes, str | None]]:
    """Yield for each line with an event the plan as a JSON line; or what is wrong with the line.

    With several destinations each planned entry names its own.
    """
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            event = orjson.loads(line)
        except orjson.JSONDecodeError as error:
            yield b"", f"line {number} is not JSON: {error}; give one event per line"
            continue
        if not isinstance(event, dict):
            yield b"", f"line {number} is not a JSON object; give one event per line"
            continue
        yield orjson.dumps(plan_of(event, destinations)), None


def plan_of(
    event: Mapping[str, object], destinations: Mapping[str, AmplitudeDestination]
) -> dict[str, object]:
    """Return ``messageId`` and what every destination makes of the event."""
    planned: list[dict[str, object]] = []
    for name, destination in destinations.items():
        named = {"destination": name} if len(destinations) > 1 else {}
        planned += [{**named, **_shown(one)} for one in destination.plan(event)]
    return {"messageId": event.get("messageId"), "planned": planned}


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
