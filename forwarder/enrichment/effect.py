"""What the owner's code did to one event, for ``forwarder plan``: each field that it changed."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from browser_plugin.enrichment import MARK
from forwarder.enrichment.code import Enrichment
from forwarder.enrichment.event import Enriched

_MISSING = object()


@dataclass(frozen=True, slots=True)
class Effect:
    """``changes``: path, value before, value after; the latter two are missing from where nothing was."""

    version: str
    result: str
    fault: str
    changes: tuple[dict[str, Any], ...] = ()

    def __str__(self) -> str:
        return f"{self.result}: {self.fault}" if self.fault else self.result

    def shown(self) -> dict[str, object]:
        """Return the effect as JSON."""
        fault = {"fault": self.fault} if self.fault else {}
        return {"version": self.version, "result": self.result, **fault, "changes": list(self.changes)}

    def lines(self) -> list[str]:
        """Return the effect for people."""
        head = f"  enrich, version {self.version}: {self}"
        return [
            head,
            *(
                f"    {one['path']}: {_shown(one, 'before')} -> {_shown(one, 'after')}"
                for one in self.changes
            ),
        ]


def _shown(change: dict[str, Any], name: str) -> str:
    return json.dumps(change[name], ensure_ascii=False) if name in change else "nothing"


def effect_of(one: Enrichment, before: bytes, done: Enriched) -> Effect:
    """Return the effect on an event: ``before`` as ingest had it."""
    changes: tuple[dict[str, Any], ...] = ()
    if done.body is not None and done.body is not before:
        changes = tuple(changes_between("", _without_mark(before), _without_mark(done.body)))
    return Effect(one.version, done.result.value, done.fault, changes)


def _without_mark(body: bytes) -> dict[str, Any]:
    event: dict[str, Any] = json.loads(body)
    integrations = event.get("integrations")
    if isinstance(integrations, dict):
        integrations.pop(MARK, None)
        if not integrations:
            del event["integrations"]
    return event


def changes_between(path: str, before: Any, after: Any) -> Iterator[dict[str, Any]]:
    """Yield each difference between two JSON values, objects field by field; ``path``: where they are."""
    if isinstance(before, dict) and isinstance(after, dict):
        for name in {**before, **after}:
            inside = f"{path}.{name}" if path else name
            yield from changes_between(inside, before.get(name, _MISSING), after.get(name, _MISSING))
    elif type(before) is not type(after) or before != after:
        values = (("before", before), ("after", after))
        yield {"path": path, **{name: value for name, value in values if value is not _MISSING}}
