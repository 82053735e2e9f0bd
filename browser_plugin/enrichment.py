"""A site owner's own Python and one event: what his function is given, and what may come of it.

Page, forwarder and ``build.py enrich-check`` all go through ``applied``, so that the same function does the
same to the same event wherever it runs. It says in the event by which version it was enriched: each event is
enriched once, in the page where Python is up, else by the forwarder.
"""

import json

from browser_plugin.minimal import KEPT

TYPE_CHECKING = False
"""True to type checkers only: see ``rules``."""

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    Enrich = Callable[[dict[str, Any], dict[str, Any]], Any]

MARK = "Session Enrichment"
"""The name in ``integrations`` under which an event says who enriched it; no mapping sends integrations."""
LONGEST = 400_000
"""Characters of an answer; what is longer is no event."""
_loads = json.JSONDecoder().decode
# ASCII only: what is no whole character cannot leave Python as UTF-8.
_dumps = json.JSONEncoder(separators=(",", ":"), allow_nan=False).encode
OF_PAGE = ("url", "path", "search", "title", "referrer")


def version_in(event: "dict[str, Any]") -> "str | None":
    """Return the version of the owner's code that has enriched the event; None where none has."""
    integrations = event.get("integrations")
    mark = integrations.get(MARK) if isinstance(integrations, dict) else None
    version = mark.get("version") if isinstance(mark, dict) else None
    return version if isinstance(version, str) else None


def page_of(event: "dict[str, Any]") -> "dict[str, Any]":
    """Return the ``page`` that the owner's function is given: all of it comes with the event.

    ``url``, ``path``, ``search``, ``title`` and ``referrer``, empty where the event has none; ``time``: the
    event's own, as text in ISO 8601, for there is no clock.
    """
    context = event.get("context")
    page = context.get("page") if isinstance(context, dict) else None
    given = page if isinstance(page, dict) else {}
    found: dict[str, Any] = {}
    for name in OF_PAGE:
        value = given.get(name)
        found[name] = value if isinstance(value, str) else ""
    time = event.get("timestamp")
    found["time"] = time if isinstance(time, str) else ""
    return found


def applied(enrich: "Enrich", version: str, event: "dict[str, Any]") -> "dict[str, Any] | None":
    """Return the enriched event, None where the owner's function drops it.

    ``event`` may be changed on the way. Raises what the function raises, TypeError where it returns neither
    an object nor None.
    """
    kept = [(name, event[name]) for name in KEPT if name in event]
    done = enrich(event, page_of(event))
    if done is None:
        return None
    if not isinstance(done, dict):
        raise TypeError("enrich returns neither an event nor None")
    done = dict(done)
    for name, value in kept:
        done[name] = value
    return marked(done, version)


def answered(enrich: "Enrich", version: str, text: str) -> str:
    """Answer one event as JSON: ``event`` enriched, ``dropped``, ``fault``, or nothing where one was before.

    Never raises.
    """
    try:
        event = _loads(text)
        if version_in(event) is not None:
            return "{}"
        done = applied(enrich, version, event)
        answer = _dumps({"dropped": True} if done is None else {"event": done})
        if len(answer) > LONGEST:
            raise ValueError("too long")
        return answer
    except Exception as error:  # whatever the owner's code does is one event's fault
        return _dumps({"fault": fault_in(error)})


def marked(event: "dict[str, Any]", version: str) -> "dict[str, Any]":
    """Return the event, which says that a version of the owner's code has enriched it."""
    given = event.get("integrations")
    integrations = dict(given) if isinstance(given, dict) else {}
    integrations[MARK] = {"version": version}
    event["integrations"] = integrations
    return event


def fault_in(error: BaseException) -> str:
    """Return type and place of a fault, never its message, which may quote an event."""
    trace = error.__traceback__
    place = ""
    while trace is not None:
        code = trace.tb_frame.f_code
        place = f" at {code.co_filename.replace(chr(92), '/').rpartition('/')[2]}:{trace.tb_lineno}"
        place += f" in {code.co_name}"
        trace = trace.tb_next
    return type(error).__name__ + place
