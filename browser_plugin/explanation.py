"""A sentence for people: why an event is in its session, made of the facts and the patch (see ``rules``).

The page has it compiled by PScript in the file that comes later, so it keeps to the same part of Python.
"""

from __future__ import annotations

from browser_plugin.destinations import field
from browser_plugin.json_values import as_text

TYPE_CHECKING = False
"""True to type checkers only: see ``rules``."""

if TYPE_CHECKING:
    from browser_plugin.json_values import Facts, Patch


def seconds(ms: float) -> str:
    """Return milliseconds as a text in seconds, without zeros at its end."""
    rest = ms % 1000
    whole = str((ms - rest) // 1000)
    if rest < 1:
        return whole
    return whole + "." + str(rest + 1000)[1:].rstrip("0")


def because(reason: str, idle: float, settings: Facts) -> str:
    """Say why the event is in its session."""
    after = seconds(idle) + " s after the last event (" + seconds(settings["sessionLength"]) + " s end one)"
    if reason == "active":
        return "which goes on, " + after
    why = {
        "idle": after,
        "maximum": "the last one had reached " + seconds(settings["maximumLength"]) + " s",
        "reset": "a reset asked for it",
        "another user": "another user came",
        "unusable": "what was stored is unusable",
        "first visit": "none was stored",
    }
    return "which is new: " + why[reason]


def named(event: object) -> str:
    """Say which event it is."""
    name = as_text(field(event, "event"))
    if len(name) < 1:
        name = as_text(field(event, "name"))
    if len(name) > 0:
        return as_text(field(event, "type")) + ' "' + name + '"'
    return as_text(field(event, "type"))


def explain(facts: Facts, patch: Patch) -> str:
    """Say why the event of ``facts`` got what ``patch`` holds, which has a ``why``."""
    why = patch["why"]
    if "off" in why:
        return named(facts["event"]) + " is in no session: the destination is switched off"
    done = patch["decision"]
    sentence = named(facts["event"]) + " is in session " + str(done["session_id"]) + ", "
    sentence += because(done["reason"], done["idle"], facts["settings"])
    if "denied" in why:
        sentence += "; not stamped: its integrations say no"
    if "replaced" in why:
        sentence += "; another session plugin's id was replaced"
    return sentence
