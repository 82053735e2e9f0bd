"""What the page calls for each event: the facts as JSON text in, the patch as JSON text out."""

import json

from browser_plugin.rules import enrich

FAULT = "!"
"""The answer to what cannot be answered: no JSON, and so never taken for a patch."""
_loads = json.JSONDecoder().decode
# ASCII only: what is no whole character cannot leave Python as UTF-8.
_dumps = json.JSONEncoder(separators=(",", ":")).encode


def handle(text: str) -> str:
    """Answer the facts about one event, JSON as ``rules`` has it. Never raises: a fault costs one event."""
    try:
        return _dumps(enrich(_loads(text)))
    except Exception:  # whatever it is, the compiled rules answer this event
        return FAULT
