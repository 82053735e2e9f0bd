"""What Segment gave out, read: Public API answers, lists, Terraform files, this project's own form."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from forwarder.amplitude.actions.fields import ACTIONS
from forwarder.amplitude.actions.presets import SESSION_ACTION
from forwarder.amplitude.subscriptions import Definition, listed, read_definition, unread_pages
from forwarder.importing.terraform import read_terraform


@dataclass(slots=True)
class Exported:
    """Subscriptions that can be used, in the order they were found, and lines on all that cannot.

    ``problems``: files and values that could not be read, which would change what is sent;
    ``refused``: subscriptions that do not belong here, each with its reason.
    """

    subscriptions: list[Definition] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)


def read_export(
    files: Sequence[tuple[str, str]], catalogue: object = None, destination: str | None = None
) -> Exported:
    """Return the subscriptions of files, given as name and text.

    ``catalogue``: Segment's answer on the destination (``GET /catalog/destinations/{id}``), which tells the
    actions' ids; ``destination``: the id of the one to take, where there are several.
    """
    slugs = dict(_slugs(catalogue))
    done = Exported()
    given: list[dict[str, object]] = []
    for name, text in files:
        try:
            found, problems = _read(name, text)
        except ValueError as error:
            done.problems.append(f"{name}: {error}")
            continue
        given += found
        done.problems += [f"{name}: {problem}" for problem in problems]
    ids = {str(id_) for each in given if (id_ := _destination(each))}
    if len(ids) > 1 and destination is None:
        choice = ", ".join(sorted(ids))
        done.problems.append(
            f"the files hold mappings of {len(ids)} destinations ({choice}); name one with --destination"
        )
        return done
    for each in given:
        if destination is not None and _destination(each) not in (None, destination):
            continue
        _sort(each, slugs, done)
    return done


def _read(name: str, text: str) -> tuple[list[dict[str, object]], list[str]]:
    if name.endswith((".tf", ".hcl")):
        return read_terraform(text)
    try:
        value = json.loads(text)
    except RecursionError:
        raise ValueError("is nested too deeply") from None
    except ValueError as error:
        if "resource" in text:
            return read_terraform(text)
        raise ValueError(f"is neither JSON ({error}) nor Terraform (name that *.tf)") from None
    found = listed(value)
    if found is None:
        raise ValueError(
            'holds no mappings; give an answer of Segment\'s Public API ({"data": {"subscriptions": [...]}}),'
            " a list of subscriptions, or Terraform"
        )
    more = ["says that more pages follow; give these too"] if unread_pages(value) else []
    return found, more


def _sort(given: dict[str, object], slugs: Mapping[str, str], done: Exported) -> None:
    action_id = given.get("actionId") or given.get("action_id")
    if not any(given.get(name) for name in ("partnerAction", "actionSlug")) and action_id in slugs:
        given = {**given, "actionSlug": slugs[str(action_id)]}
    if not action_id:
        given = {**given, "actionId": "unknown"}  # so that it is told from the fields, where no slug is there
    definition = read_definition(given)
    name = definition.name or definition.id or "a mapping without a name"
    if definition.action is None:
        known = f" (action {action_id})" if action_id else ""
        done.refused.append(
            f"{name}: which action it is for{known} cannot be told; give --actions catalog.json"
        )
    elif definition.action not in ACTIONS and definition.action != SESSION_ACTION:
        done.refused.append(
            f"{name}: {definition.action} is no action of Amplitude (Actions), but another destination's"
        )
    elif "Reverse ETL" in definition.off:
        done.refused.append(f"{name}: {definition.off}")
    elif not isinstance(definition.mapping, Mapping) and definition.action != SESSION_ACTION:
        done.refused.append(f"{name}: has no mapping that can be read")
    else:
        done.subscriptions.append(definition)


def _destination(given: Mapping[str, object]) -> str | None:
    found = given.get("destinationId") or given.get("destination_id")
    return str(found) if found else None


def _slugs(value: object) -> Iterator[tuple[str, str]]:
    """Yield the ids and slugs of all actions anywhere in a catalogue."""
    if isinstance(value, dict):
        if isinstance(value.get("id"), str) and isinstance(value.get("slug"), str):
            yield value["id"], value["slug"]
        for inner in value.values():
            yield from _slugs(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _slugs(inner)
