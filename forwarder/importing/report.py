"""What becomes of imported mappings: the same as Segment's preset, or where not; and what looks odd."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from forwarder.amplitude.actions.presets import SESSION_ACTION, presets
from forwarder.amplitude.problems import errors_of, warnings_of
from forwarder.amplitude.subscriptions import Definition, read_definition
from forwarder.errors import TriggerError
from forwarder.importing.writing import subscription_of
from forwarder.triggers import compile_trigger

_PATH_LIKE = re.compile(r"\$?\.?(?:properties|traits|context|integrations)\.[\w.]+")
_LOGGING: Final = ("logEvent", "logEventV2", "logPurchase")
_SAMPLES: Final[tuple[tuple[str, dict[str, object]], ...]] = (
    ("track calls", {"type": "track", "event": "Some Event", "properties": {}}),
    ("Order Completed", {"type": "track", "event": "Order Completed", "properties": {}}),
    ("page calls", {"type": "page", "name": "Home", "properties": {}}),
    ("screen calls", {"type": "screen", "name": "Home", "properties": {}}),
    ("identify calls", {"type": "identify", "traits": {}}),
    ("group calls", {"type": "group", "groupId": "g", "traits": {}}),
    ("alias calls", {"type": "alias", "previousId": "p", "userId": "u"}),
)


@dataclass(slots=True)
class Report:
    """Lines for people. ``errors`` would keep the forwarder from starting."""

    mappings: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)


def report_on(definitions: Sequence[Definition]) -> Report:
    """Return what is the same as Segment's presets, what differs, and what looks odd."""
    written = [subscription_of(one) for one in definitions]
    report = Report(
        warnings=[line for line in warnings_of(written) if "is not run" not in line],
        errors=[
            line for line in errors_of({"apiKey": "0" * 32}, written) if line.startswith("subscriptions")
        ],
    )
    for one in definitions:
        report.mappings.append(f"{one.name or one.id or one.action}: {_compared(one)}")
        report.warnings += [f"{one.name or one.action}: {line}" for line in _odd_texts(one)]
    report.warnings += _coverage([one for one in definitions if not one.off])
    return report


def _compared(one: Definition) -> str:
    if one.off:
        return f"not run, {one.off}"
    guessed = f"; the action was told from its fields: {one.action}" if one.guessed else ""
    if one.action == SESSION_ACTION:
        return f"the page's session plugin, its settings are in [session]{guessed}"
    nearest = min(map(read_definition, presets()), key=lambda preset: len(_differences(one, preset)))
    differences = _differences(one, nearest)
    if nearest.action != one.action:
        return f"no preset; {one.action} when {one.trigger}{guessed}"
    if not differences:
        return f"as the preset {nearest.name}{guessed}"
    return f"differs from the preset {nearest.name} in {', '.join(differences)}{guessed}"


def _differences(one: Definition, preset: Definition) -> list[str]:
    if one.action != preset.action:
        return ["action"] * 100
    found = [] if one.trigger == preset.trigger else ["trigger"]
    assert isinstance(one.mapping, Mapping)
    assert isinstance(preset.mapping, Mapping)
    names = {*one.mapping, *preset.mapping}
    own = {name for name in names if not str(name).startswith("__segment_internal")}
    return found + sorted(name for name in own if one.mapping.get(name) != preset.mapping.get(name))


def _odd_texts(one: Definition) -> Iterator[str]:
    """Yield literals that look like paths: they are sent as they are."""
    mapping = one.mapping if isinstance(one.mapping, Mapping) else {}
    for name, value in _literals(mapping, ""):
        if _PATH_LIKE.fullmatch(value):
            mend = f'{{"@path": "$.{value.lstrip("$.")}"}}'
            yield f"{name}: {value!r} is sent as this text; for the event's value write {mend}"


def _literals(value: object, path: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, Mapping):
        for key, inner in value.items():
            if not str(key).startswith("@"):
                yield from _literals(inner, f"{path}.{key}" if path else str(key))
    elif isinstance(value, list):
        for place, inner in enumerate(value):
            yield from _literals(inner, f"{path}.{place}")
    elif isinstance(value, str):
        yield path, value


def _coverage(running: Sequence[Definition]) -> Iterator[str]:
    """Yield which usual calls several mappings log as events, and which none takes."""
    for words, event in _SAMPLES:
        matching = [one for one in running if one.action != SESSION_ACTION and _matches(one, event)]
        logging = [one.name or str(one.action) for one in matching if one.action in _LOGGING]
        if len(logging) > 1:
            yield f"{words} are logged {len(logging)} times: by {', '.join(logging)}; Amplitude counts each"
        if not matching:
            yield f"{words} match no mapping: they end as filtered"


def _matches(one: Definition, event: dict[str, object]) -> bool:
    try:
        return isinstance(one.trigger, str) and compile_trigger(one.trigger)(event)
    except TriggerError:
        return False
