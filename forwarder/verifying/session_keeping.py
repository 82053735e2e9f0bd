"""Whether a session is kept: on the device, over a reload, in other tabs, until its time is over."""

from forwarder.verifying.answers import Answer, fault, fine, skipped
from forwarder.verifying.observation import Look, Visit
from forwarder.verifying.steps import AROUND_IDLE, SUBDOMAIN


def session_is_kept(visit: Visit) -> Answer:
    """Answer whether the session id is kept on the device."""
    look = visit.looks.get("event", visit.first_look)
    if look.stored:
        places = [name for name, there in (("localStorage", look.local), ("cookie", look.cookie)) if there]
        return fine(f"kept in {' and '.join(places)}")
    if look.memory_only:
        return fault(
            "the page loads Analytics.js with disableClientPersistence: nothing is kept on the device",
            "leave that option out, or accept that every page begins a session",
        )
    said = look.storage_error or "it takes nothing"
    cookies = "cookies are off" if look.cookies_off else "no cookie is kept"
    return fault(
        f"the session is kept nowhere: localStorage: {said}; {cookies}",
        "let the page store: no sandbox without allow-same-origin, no policy or script that takes"
        ' localStorage and cookies away; storage="cookie" where only localStorage is refused',
    )


def _same(visit: Visit, step: str, mend: str) -> Answer:
    before, after = visit.probe("event"), visit.probe(step)
    if before is None or after is None:
        return fault("an event that was tracked was not sent", "see the browser's console")
    if before.stamp == after.stamp:
        return fine(f"session {after.stamp} goes on")
    return fault(f"session {before.stamp} became {after.stamp}", mend)


def reload_keeps_it(visit: Visit) -> Answer:
    """Answer whether the session goes on after a reload."""
    return _same(
        visit,
        "reload",
        "what empties the page's storage, or resets the session, as it loads? Take that out",
    )


def tabs_agree(visit: Visit) -> Answer:
    """Answer whether a second tab has the same session."""
    return _same(
        visit,
        "tab",
        "tabs share localStorage and cookies: let both be kept (no storage=memory, no partition of the page)",
    )


def subdomain_agrees(visit: Visit) -> Answer:
    """Answer whether a page on a subdomain has the same session."""
    if SUBDOMAIN not in visit.looks:
        return skipped("none was given: --subdomain URL")
    return _same(
        visit,
        SUBDOMAIN,
        "sessions are shared by a cookie of the whole domain: keep Analytics.js' cookies, or set"
        ' storage="cookie" on both, and keep both below one registrable domain',
    )


def session_ends_in_time(visit: Visit) -> Answer:
    """Answer whether the session ends when it is due, and not before."""
    within, after = (visit.probe(step) for step in AROUND_IDLE)
    if within is None or after is None:
        return fault("an event that was tracked was not sent", "see the browser's console")
    if within.stamp is None or after.stamp is None:
        return fault("an event that was tracked has no session id", "see the browser's console")
    before = visit.looks.get(AROUND_IDLE[0], Look()).session_id
    if before != within.stamp:
        return fault(
            f"session {before} had become {within.stamp} a minute before its time",
            "what resets the session? See analyticsSession.explain() on the console",
        )
    if after.stamp <= within.stamp:
        return fault(
            f"session {within.stamp} went on after its time",
            "events without a visitor keep it alive: send them with"
            ' integrations: {"Actions Amplitude": false}, or set maximumLength',
        )
    return fine(f"another session: {after.stamp}")
