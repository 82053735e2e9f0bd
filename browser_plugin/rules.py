"""Every rule about one event: ``enrich(facts)`` returns what to store, to stamp and to send.

The page's JavaScript gathers the facts and carries out the patch; it has no rule of its own. The same source
runs in CPython, in Pyodide, in the frozen module and, compiled by PScript, as JavaScript, so it keeps to what
all of them do alike: JSON values, ``is`` for true and false, no text made of what is no text or whole number,
no classes (see also ``session``). What a value is, what the stores hold and session events are in
``json_values``, ``stores`` and ``session_events``. Times, lengths and ids are milliseconds.

Facts:

- ``event``: its ``type``, ``event``, ``name``, ``userId``, ``anonymousId``, and of its ``integrations``
  ``All`` and the destination's names;
- ``time``: the event's own time, None where it has none; ``born``: when the page began; ``now``;
- ``stores``: texts ``[id, last access, "1" where a new session was asked for]`` of each store, in order;
- ``earlier``: whether the event was made before a new session was asked for;
- ``before``: ``stores`` and the destination's ``options`` as they were before other plugins saw the event,
  None where that is not known;
- ``loaded``: the integrations that Analytics.js was loaded with, None where that is not known;
- ``visitor``: the last patch's; ``user``: the user id so far;
- ``settings``: under the names that pages use.

Patch; None where nothing is to be done:

- ``decision``: see ``session``, None where the event is in no session;
- ``writes``: what to store, ``id``, ``last`` and whether the wish for a new session is fulfilled (``reset``),
  None for nothing;
- ``changes``: whether to put ``options`` under the destination's name (None: nothing may be there);
- ``visitor``: of this event; ``emitted``: events to track, in order;
- ``why``: the decision's reason, or ``off`` where the destination is switched off; then ``denied`` where the
  event is not stamped, ``replaced`` where another plugin's id was. Empty where the event concerns no session.
  ``explanation.explain`` makes a sentence of it.
"""

from __future__ import annotations

from browser_plugin.destinations import NAME, field, is_denied, may_receive
from browser_plugin.json_values import copied, is_known, is_moment, is_number
from browser_plugin.session import decide, whole_ms
from browser_plugin.session_events import session_events
from browser_plugin.stores import chosen

TYPE_CHECKING = False
"""True to type checkers only: the frozen module would carry what importing typing brings in."""

if TYPE_CHECKING:
    from typing import Any

    from browser_plugin.json_values import Facts, Patch


def stamp_of(options: object) -> Any:
    """Return the session id among the destination's options; None where there is none."""
    stamp = field(options, "session_id")
    if is_number(stamp):
        return stamp
    return None


def basis_of(facts: Facts) -> dict[str, Any]:
    """Return what to go by: ``integrations``, the destination's ``options``, ``stores``, ``foreign``.

    Another session plugin that saw the event first has put its id over the options and renewed the stored
    last access (``foreign``): then what was there before it counts.
    """
    given = field(facts["event"], "integrations")
    options = field(given, NAME)
    stores = facts["stores"]
    before = facts["before"]
    stamp = stamp_of(options)
    if before is None or stamp is None or stamp == stamp_of(before["options"]):
        return {"integrations": given, "options": options, "stores": stores, "foreign": False}
    # Where the stored id is not that plugin's, another tab has begun a session since: that one counts.
    if whole_ms(chosen(stores, facts["now"])["id"]) == stamp:
        stores = before["stores"]
    options = before["options"]
    given = copied(given)
    given[NAME] = options
    return {"integrations": given, "options": options, "stores": stores, "foreign": True}


def is_off(integrations: object, loaded: object) -> bool:
    """Tell whether the destination is switched off, so that nothing may be stored.

    Off is what Analytics.js was loaded with, or a plain false on the event, which a consent tool wrote. Where
    it is not known what Analytics.js was loaded with, the visit goes on as in Segment's reference.
    """
    return loaded is not None and (is_denied(integrations) or not may_receive(loaded))


def concerns(facts: Facts, options: object) -> bool:
    """Tell whether the event is in a session at all.

    Left out are types that the settings do not name; session events of ours, which keep the stamp they were
    made with; and what an earlier page stamped, and Analytics.js kept until now.
    """
    event = facts["event"]
    settings = facts["settings"]
    if field(event, "type") not in settings["eventTypes"]:
        return False
    if stamp_of(options) is None:
        return True
    ours = [settings["startedName"], settings["endedName"]]
    if field(event, "type") == "track" and field(event, "event") in ours:
        return False
    return not (is_number(facts["time"]) and facts["time"] < facts["born"])


def is_another_user(facts: Facts, session_id: str) -> bool:
    """Tell whether another user's session has to begin, unless another tab has begun one since."""
    user = facts["user"]
    now_user = field(facts["event"], "userId")
    if not (facts["settings"]["newOnUserChange"] and is_known(user) and is_known(now_user)):
        return False
    before = field(facts["visitor"], "session")
    return user != now_user and (before is None or before == session_id)


def put_back(facts: Facts, basis: dict[str, Any], why: list[str]) -> Patch | None:
    """Return the patch for an event in no session: it only takes back what another plugin did to it."""
    if not basis["foreign"] and len(why) < 1:
        return None
    writes = None
    if basis["foreign"]:
        stored = chosen(facts["before"]["stores"], facts["now"])
        session_id = whole_ms(stored["id"])
        last = whole_ms(stored["last"])
        if session_id is not None and last is not None:
            writes = {"id": session_id, "last": last, "reset": False}
    return {
        "decision": None,
        "writes": writes,
        "changes": basis["foreign"],
        "options": basis["options"],
        "visitor": None,
        "emitted": [],
        "why": why,
    }


def decided(facts: Facts, stores: Any) -> Any:
    """Return the decision about an event, and whether a wish for a new session was fulfilled (``asked``)."""
    settings = facts["settings"]
    stored = chosen(stores, facts["now"])
    asked = stored["reset"] and not facts["earlier"]
    forced = is_another_user(facts, stored["id"])
    done = decide(
        stored["id"],
        stored["last"],
        facts["now"],
        settings["sessionLength"],
        settings["maximumLength"],
        asked or forced,
    )
    if done["reason"] == "reset" and not asked:
        done["reason"] = "another user"
    return {"decision": done, "asked": asked}


def enrich(facts: Facts) -> Patch | None:
    """Return the patch for one event; see the top of this file."""
    if not is_moment(facts["now"]):
        return None
    event = facts["event"]
    basis = basis_of(facts)
    given = basis["integrations"]
    if is_off(given, facts["loaded"]):
        return put_back(facts, basis, ["off"])
    if not concerns(facts, basis["options"]):
        return put_back(facts, basis, [])
    both = decided(facts, basis["stores"])
    done = both["decision"]
    session_id = done["session_id"]
    visitor = {
        "session": str(session_id),
        "user": facts["user"],
        "anonymousId": field(event, "anonymousId"),
        "userId": field(event, "userId"),
    }
    if is_known(visitor["userId"]):
        visitor["user"] = visitor["userId"]
    why = [done["reason"]]
    stamps = may_receive(given)
    options = basis["options"]
    if stamps:
        options = copied(options)
        options["session_id"] = session_id
    else:
        why.append("denied")
    if basis["foreign"]:
        why.append("replaced")
    return {
        "decision": done,
        "writes": {"id": session_id, "last": facts["now"], "reset": both["asked"]},
        "changes": stamps or basis["foreign"],
        "options": options,
        "visitor": visitor,
        "emitted": session_events(facts, basis, done, visitor),
        "why": why,
    }
