"""What pages have: the plugin's settings, its object in devtools, and what it stores."""

import re

from tests.docs.reference.markdown import code, sentence, table
from tests.docs.reference.settings import plugin_settings
from tests.support.processes import ROOT

PAGE = ROOT / "browser_plugin" / "page"
STORED = {
    "analytics_session_id": "The session's id: the time it began, in ms.",
    "analytics_session_id.last_access": "The time of the last event, in ms.",
    "analytics_session_id.reset": "1 while a new session was asked for and no event has come yet.",
    "analytics_session_id.domain": "For a moment, in a cookie: which domain takes cookies.",
    "analytics_session_unsent.": "An event that a page could not send when it was left, with the message id behind it;"
    " in localStorage alone, until the next page has sent it.",
    "analytics_session_held.": "The same, of an event that your own Python has not seen, where the page is built with"
    " `--required`.",
}
"""What each stored key means."""
FILES = {
    "spool.db": "The events that wait, history, dead letters, counts, the dedup index. The one file to back up.",
    "spool.db-wal": "SQLite's log; part of the spool while a forwarder runs.",
    "spool.db-shm": "SQLite's index of that log; made anew.",
    "spool.db-lock": "Held by the forwarder that serves; empty.",
    "spool.db-reserve": "Room that is given up when the disk is full, so that deliveries go on.",
    "spool.db-replays": "What replays and imports that have not ended have on its way; goes with their end.",
    "spool-copy.db": "Over a stream: this machine's copy, made anew at every start.",
}
"""What lies beside the spool."""


def keys_in_code() -> set[str]:
    """Return the keys that the page's code stores under."""
    stores = (PAGE / "stores.js").read_text(encoding="utf-8")
    keeping = (PAGE / "keeping.js").read_text(encoding="utf-8")
    [base] = re.findall(r'^export const ID = "([^"]+)"', stores, re.MULTILINE)
    return {base, *(base + one for one in re.findall(r'\bID \+ "([^"]+)"', stores))} | set(
        re.findall(r'^export const [A-Z]+ = "([^"]+)"', keeping, re.MULTILINE)
    )


def page_side() -> str:
    """Return the page of the plugin's settings and of its object."""
    types = (PAGE / "session-plugin.d.ts").read_text(encoding="utf-8")
    body = types.partition("interface AnalyticsSession {")[2].partition("\n}")[0]
    members = re.findall(r"/\*\* (.*?) \*/\n  (?:readonly )?(.+?);$", body, re.DOTALL | re.MULTILINE)
    reasons = re.search(r"export type Reason = (.*);", types)
    assert reasons
    return "\n".join(
        (
            "# What can a page set, and ask?\n",
            "## Settings\n",
            "In data attributes with dashes (`data-session-length`), in the page's code, and under `[session]` in the"
            " forwarder's configuration. The page's code wins over the forwarder, and that over a script tag.\n",
            plugin_settings(),
            "## window.analyticsSession\n",
            table(("member", "what"), ((code(name), sentence(what)) for what, name in members)),
            f"Reasons for another session: {reasons[1].replace(' | ', ', ')}.\n",
        )
    )


def storage() -> str:
    """Return the page of what is stored where."""
    return "\n".join(
        (
            "# What is stored where?\n",
            "## In the browser\n",
            "Nothing before the first event. Where Analytics.js stores (localStorage, mirrored to a cookie of a year,"
            " `SameSite=Lax`, for the site's whole domain), else in localStorage, else in memory; `storage` says"
            " otherwise.\n",
            table(("key", "what"), ((code(key), what) for key, what in STORED.items())),
            "## On the server\n",
            "In the folder of `[spool] path`, readable by the forwarder's own user alone:\n",
            table(("file", "what"), ((code(name), what) for name, what in FILES.items())),
        )
    )
