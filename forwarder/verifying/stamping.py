"""Whether a page's events carry a session id: the first, every one, the last, once, and as consent says."""

from itertools import takewhile

from forwarder.verifying.answers import Answer, fault, fine, named, skipped
from forwarder.verifying.observation import PLUGIN, Look, SeenEvent, Visit
from forwarder.verifying.steps import LOADS, REFUSED

_START_NAMES = ("Session Started", "session_started")


def nothing_is_stamped_twice(visit: Visit) -> Answer:
    """Answer whether one plugin only stamps events and begins sessions."""
    for wrong in (_registered_twice(visit), _stamped_twice(visit), _begun_twice(visit)):
        if wrong is not None:
            return wrong
    return fine(f"{len({one.message_id for one in visit.events})} events, each with one session id")


def _registered_twice(visit: Visit) -> Answer | None:
    look = visit.first_look
    others = [name for name in look.plugins if name != PLUGIN and "session" in name.lower()]
    if others:
        return fault(
            f"another session plugin is on the page: {', '.join(others)}",
            "switch the mapping Browser Session Tracking off in Segment; ours takes its place",
        )
    count = look.plugins.count(PLUGIN)
    if count > 1:
        places = ", ".join(look.scripts) or "the settings document"
        return fault(
            f"the plugin was registered {count} times ({places})",
            "keep one way to load it: where the settings document brings it, take the tag out",
        )
    return None


def _stamped_twice(visit: Visit) -> Answer | None:
    stamps: dict[str, set[int | None]] = {}
    for one in visit.events:
        stamps.setdefault(one.message_id, set()).add(one.stamp)
    twice = [message_id for message_id, ids in stamps.items() if len(ids) > 1]
    if twice:
        return fault(
            f"{len(twice)} events were sent with two session ids",
            "another script puts session ids, too: take it out",
        )
    return None


def _begun_twice(visit: Visit) -> Answer | None:
    starts = [one for one in visit.events if one.event.get("event") in _START_NAMES]
    doubled = len({one.message_id for one in starts}) - len({one.stamp for one in starts})
    if doubled > 0:
        return fault(
            f"{doubled} sessions were begun twice: {', '.join(sorted({one.name for one in starts}))}",
            "let one plugin only send session events: switch off triggerSessionEvents in Segment's mapping",
        )
    return None


def _early(visit: Visit) -> list[SeenEvent]:
    """Return the page's own events that went out after it had loaded and before any with a session id."""
    found: list[SeenEvent] = []
    for step in LOADS:
        sent = [one for one in visit.of_step(step) if one.needs_stamp and not one.leaving]
        found += takewhile(lambda one: one.stamp is None and not one.probe, sent)
    return found


def first_is_stamped(visit: Visit) -> Answer:
    """Answer whether the page's first events wait for the plugin."""
    early = _early(visit)
    if early:
        return fault(
            f"{named(early)} went out without a session id, before the plugin came",
            "load the plugin sooner: its tag before the snippet, or let the settings document bring it; in a"
            " tag manager use the trigger that fires first (Google's: Initialization)",
        )
    first = next((one for one in visit.of_step("arrival") if one.needs_stamp), None)
    return fine(f"{first.name} in session {first.stamp}" if first else "the page sends none by itself")


def every_is_stamped(visit: Visit) -> Answer:
    """Answer whether all events carry a session id that may go to Amplitude."""
    early = _early(visit)
    sent = [one for one in visit.events if one.needs_stamp and not one.leaving and one not in early]
    unstamped = [one for one in sent if one.stamp is None]
    if unstamped:
        return _unstamped(unstamped)
    if visit.probe("event") is None:
        return fault(
            "an event that was tracked was not sent",
            "see the browser's console; does the page hold Analytics.js back, or is Segment.io switched off?",
        )
    return fine(f"{len(sent)} events")


def _unstamped(events: list[SeenEvent]) -> Answer:
    return fault(
        f"{named(events)} went out without a session id",
        "is its type among eventTypes? Send it through Analytics.js, not by a request of the page's own",
    )


def last_is_stamped(visit: Visit) -> Answer:
    """Answer whether events sent in pagehide carry a session id."""
    last = [one for one in visit.events if one.leaving and one.needs_stamp]
    unstamped = [one for one in last if one.stamp is None]
    if unstamped:
        return fault(
            f"{named(unstamped)}, sent while the page goes away, has no session id",
            "track it by analytics.track() in pagehide: the plugin stamps and sends it in the same turn",
        )
    if visit.probe("leaving") is None and not visit.looks.get("event", visit.first_look).stored:
        return skipped("the page keeps nothing: what it sends last cannot be seen")
    if visit.probe("leaving") is None:
        return fault(
            "an event tracked in pagehide is not sent",
            "let the plugin's second script load (later-*.js, beside session-plugin.js); see the console",
        )
    return fine(f"{len(last)} events in pagehide")


def consent_is_respected(visit: Visit) -> Answer:
    """Answer whether nothing is sent or stored before consent, nor stamped against it."""
    early = list(visit.of_step("consent"))
    kept = visit.looks.get("consent", Look()).stored
    if early or kept:
        what = named(early) + " was sent" if early else "the session id was stored"
        return fault(
            f"{what} before consent was given",
            'load Analytics.js after consent, or with integrations: {"Actions Amplitude": false} until then',
        )
    refused = [visit.probe(step) for step in REFUSED]
    stamped = [one for one in refused if one is not None and one.stamp is not None]
    if stamped:
        return fault(
            "an event whose integrations refuse Actions Amplitude carries a session id",
            "another script on the page overwrites integrations: take it out",
        )
    return fine("nothing before consent" if visit.consented else "a refused event carries no session id")
