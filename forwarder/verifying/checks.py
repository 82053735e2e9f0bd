"""The questions that a check of a site asks, and how a visit answers them. Pure: values in, findings out."""

from collections.abc import Callable
from itertools import takewhile
from typing import NamedTuple

from forwarder.verifying.observation import Look, SeenEvent, Visit
from forwarder.verifying.policy import refusals
from forwarder.verifying.report import Finding, Report, State
from forwarder.verifying.steps import AROUND_IDLE, LOADS, REFUSED, SUBDOMAIN

OURS = "Amplitude Session"
"""The plugin's name in Analytics.js."""
_SNIPPET = 'analytics._cdn = "https://your-forwarder" and the script\'s address below it'


class Answer(NamedTuple):
    """What a question came to. ``mend``: empty unless something has to be mended."""

    state: State
    detail: str
    mend: str = ""


def _fine(detail: str) -> Answer:
    return Answer(State.OK, detail)


def _fault(detail: str, mend: str) -> Answer:
    return Answer(State.FAULT, detail, mend)


def _skipped(detail: str) -> Answer:
    return Answer(State.SKIPPED, detail)


_SEE_POLICY = _skipped("see: the content security policy")


def findings_of(visit: Visit) -> Report:
    """Return the answer to each question; those that hang on one with a fault are skipped."""
    found: dict[str, Finding] = {}
    for check in CHECKS:
        failed = next((name for name in check.after if found[name].state is not State.OK), "")
        answer = _skipped(f"see: {found[failed].question}") if failed else check.answer(visit)
        found[check.name] = Finding(check.name, check.question, *answer)
    return Report(visit.url, visit.browser, tuple(found.values()))


def _policy(visit: Visit) -> Answer:
    found = refusals(visit)
    if not found:
        return _fine("nothing of ours was refused")
    return _fault(
        "; ".join(f"{one.directive} refused {one.what}" for one in found),
        "in the page's Content-Security-Policy, " + "; ".join(dict.fromkeys(one.mend for one in found)),
    )


def _analytics(visit: Visit) -> Answer:
    look = visit.first_look
    if look.initialized:
        return _fine("it runs")
    if refusals(visit):
        return _SEE_POLICY
    failed = [one for one in visit.failures if "analytics" in one.url or "/projects/" in one.url]
    if failed:
        return _fault(
            f"{failed[0].url}: {failed[0].why}",
            f"the forwarder serves this file: set {_SNIPPET}, with the write key of a source",
        )
    if look.analytics:
        return _fault(
            "its buffer is there, and the library did not start",
            "see the browser's console for the error; is the snippet's load() called?",
        )
    return _fault(
        "there is no window.analytics",
        "put the Analytics.js snippet into the page; where it has another name, use --global NAME",
    )


def _plugin(visit: Visit) -> Answer:
    look = visit.first_look
    if OURS in look.plugins:
        return _fine("it is registered with Analytics.js")
    if refusals(visit):
        return _SEE_POLICY
    failed = [one for one in visit.failures if "session-plugin" in one.url]
    if failed:
        return _fault(
            f"{failed[0].url}: {failed[0].why}",
            "the forwarder has it at /p/session-plugin.js: correct the address in the tag, or server.assets",
        )
    if look.scripts:
        return _fault(
            f"{look.scripts[0]} is there, and did not register",
            "name the page's Analytics.js with data-global; see the browser's console for its error",
        )
    if visit.settings and not visit.settings.plugins:
        return _fault(
            f"the settings document {visit.settings.url} (status {visit.settings.status}) names no plugin",
            f"this is not the forwarder's: in the snippet set {_SNIPPET}; or add the plugin's tag",
        )
    return _fault(
        "nothing on the page loads it",
        'in the snippet set analytics._cdn to the forwarder, or add <script src="https://your-forwarder'
        '/p/session-plugin.js"></script> before the snippet; is a blocker or consent tool at work?',
    )


def _once(visit: Visit) -> Answer:
    for wrong in (_registered_twice(visit), _stamped_twice(visit), _begun_twice(visit)):
        if wrong is not None:
            return wrong
    return _fine(f"{len({one.message_id for one in visit.events})} events, each with one session id")


def _registered_twice(visit: Visit) -> Answer | None:
    look = visit.first_look
    others = [name for name in look.plugins if name != OURS and "session" in name.lower()]
    if others:
        return _fault(
            f"another session plugin is on the page: {', '.join(others)}",
            "switch the mapping Browser Session Tracking off in Segment; ours takes its place",
        )
    count = look.plugins.count(OURS)
    if count > 1:
        places = ", ".join(look.scripts) or "the settings document"
        return _fault(
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
        return _fault(
            f"{len(twice)} events were sent with two session ids",
            "another script puts session ids, too: take it out",
        )
    return None


def _begun_twice(visit: Visit) -> Answer | None:
    starts = [one for one in visit.events if one.event.get("event") in _START_NAMES]
    doubled = len({one.message_id for one in starts}) - len({one.stamp for one in starts})
    if doubled > 0:
        return _fault(
            f"{doubled} sessions were begun twice: {', '.join(sorted({one.name for one in starts}))}",
            "let one plugin only send session events: switch off triggerSessionEvents in Segment's mapping",
        )
    return None


_START_NAMES = ("Session Started", "session_started")


def _early(visit: Visit) -> list[SeenEvent]:
    """Return the page's own events that went out after it had loaded and before any with a session id."""
    found: list[SeenEvent] = []
    for step in LOADS:
        sent = [one for one in visit.of_step(step) if one.needs_stamp and not one.leaving]
        found += takewhile(lambda one: one.stamp is None and not one.probe, sent)
    return found


def _first(visit: Visit) -> Answer:
    early = _early(visit)
    if early:
        return _fault(
            f"{_named(early)} went out without a session id, before the plugin came",
            "load the plugin sooner: its tag before the snippet, or let the settings document bring it; in a"
            " tag manager use the trigger that fires first (Google's: Initialization)",
        )
    first = next((one for one in visit.of_step("arrival") if one.needs_stamp), None)
    return _fine(f"{first.name} in session {first.stamp}" if first else "the page sends none by itself")


def _every(visit: Visit) -> Answer:
    early = _early(visit)
    sent = [one for one in visit.events if one.needs_stamp and not one.leaving and one not in early]
    unstamped = [one for one in sent if one.stamp is None]
    if unstamped:
        return _unstamped(unstamped)
    if visit.probe("event") is None:
        return _fault(
            "an event that was tracked was not sent",
            "see the browser's console; does the page hold Analytics.js back, or is Segment.io switched off?",
        )
    return _fine(f"{len(sent)} events")


def _unstamped(events: list[SeenEvent]) -> Answer:
    return _fault(
        f"{_named(events)} went out without a session id",
        "is its type among eventTypes? Send it through Analytics.js, not by a request of the page's own",
    )


def _named(events: list[SeenEvent]) -> str:
    names = list(dict.fromkeys(one.name for one in events))
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")


def _last(visit: Visit) -> Answer:
    last = [one for one in visit.events if one.leaving and one.needs_stamp]
    unstamped = [one for one in last if one.stamp is None]
    if unstamped:
        return _fault(
            f"{_named(unstamped)}, sent while the page goes away, has no session id",
            "track it by analytics.track() in pagehide: the plugin stamps and sends it in the same turn",
        )
    if visit.probe("leaving") is None and not visit.looks.get("event", visit.first_look).stored:
        return _skipped("the page keeps nothing: what it sends last cannot be seen")
    if visit.probe("leaving") is None:
        return _fault(
            "an event tracked in pagehide is not sent",
            "let the plugin's second script load (later-*.js, beside session-plugin.js); see the console",
        )
    return _fine(f"{len(last)} events in pagehide")


def _storage(visit: Visit) -> Answer:
    look = visit.looks.get("event", visit.first_look)
    if look.stored:
        places = [name for name, there in (("localStorage", look.local), ("cookie", look.cookie)) if there]
        return _fine(f"kept in {' and '.join(places)}")
    if look.memory_only:
        return _fault(
            "the page loads Analytics.js with disableClientPersistence: nothing is kept on the device",
            "leave that option out, or accept that every page begins a session",
        )
    said = look.storage_error or "it takes nothing"
    cookies = "cookies are off" if look.cookies_off else "no cookie is kept"
    return _fault(
        f"the session is kept nowhere: localStorage: {said}; {cookies}",
        "let the page store: no sandbox without allow-same-origin, no policy or script that takes"
        ' localStorage and cookies away; storage="cookie" where only localStorage is refused',
    )


def _same(visit: Visit, step: str, mend: str) -> Answer:
    before, after = visit.probe("event"), visit.probe(step)
    if before is None or after is None:
        return _fault("an event that was tracked was not sent", "see the browser's console")
    if before.stamp == after.stamp:
        return _fine(f"session {after.stamp} goes on")
    return _fault(f"session {before.stamp} became {after.stamp}", mend)


def _reload(visit: Visit) -> Answer:
    return _same(
        visit,
        "reload",
        "what empties the page's storage, or resets the session, as it loads? Take that out",
    )


def _tabs(visit: Visit) -> Answer:
    return _same(
        visit,
        "tab",
        "tabs share localStorage and cookies: let both be kept (no storage=memory, no partition of the page)",
    )


def _subdomain(visit: Visit) -> Answer:
    if SUBDOMAIN not in visit.looks:
        return _skipped("none was given: --subdomain URL")
    return _same(
        visit,
        SUBDOMAIN,
        "sessions are shared by a cookie of the whole domain: keep Analytics.js' cookies, or set"
        ' storage="cookie" on both, and keep both below one registrable domain',
    )


def _idle(visit: Visit) -> Answer:
    within, after = (visit.probe(step) for step in AROUND_IDLE)
    if within is None or after is None:
        return _fault("an event that was tracked was not sent", "see the browser's console")
    if within.stamp is None or after.stamp is None:
        return _fault("an event that was tracked has no session id", "see the browser's console")
    before = visit.looks.get(AROUND_IDLE[0], Look()).session_id
    if before != within.stamp:
        return _fault(
            f"session {before} had become {within.stamp} a minute before its time",
            "what resets the session? See analyticsSession.explain() on the console",
        )
    if after.stamp <= within.stamp:
        return _fault(
            f"session {within.stamp} went on after its time",
            "events without a visitor keep it alive: send them with"
            ' integrations: {"Actions Amplitude": false}, or set maximumLength',
        )
    return _fine(f"another session: {after.stamp}")


def _consent(visit: Visit) -> Answer:
    early = list(visit.of_step("consent"))
    kept = visit.looks.get("consent", Look()).stored
    if early or kept:
        what = _named(early) + " was sent" if early else "the session id was stored"
        return _fault(
            f"{what} before consent was given",
            'load Analytics.js after consent, or with integrations: {"Actions Amplitude": false} until then',
        )
    refused = [visit.probe(step) for step in REFUSED]
    stamped = [one for one in refused if one is not None and one.stamp is not None]
    if stamped:
        return _fault(
            "an event whose integrations refuse Actions Amplitude carries a session id",
            "another script on the page overwrites integrations: take it out",
        )
    return _fine("nothing before consent" if visit.consented else "a refused event carries no session id")


def _python(visit: Visit) -> Answer:
    state = visit.looks.get("event", visit.first_look).python
    if state == "ready":
        return _fine("it answers")
    if state.endswith("startPython is off"):
        return _fine("switched off by startPython; the compiled rules answer")
    if refusals(visit):
        return _SEE_POLICY
    return _fault(
        state or "the plugin does not say",
        "sessions are right meanwhile, by the compiled rules; serve the plugin's files together (core-*.wasm"
        " as application/wasm), give base in a bundle",
    )


class Check(NamedTuple):
    """One question. ``after``: the checks that have to be fine before it makes sense."""

    name: str
    question: str
    answer: Callable[[Visit], Answer]
    after: tuple[str, ...] = ()


CHECKS = (
    Check("policy", "the content security policy allows it", _policy),
    Check("analytics", "Analytics.js runs", _analytics),
    Check("plugin", "the session plugin is there", _plugin, ("analytics",)),
    Check("python", "Python answers", _python, ("plugin",)),
    Check("first", "the first events are stamped", _first, ("plugin",)),
    Check("every", "every event is stamped", _every, ("plugin",)),
    Check("last", "the last event is stamped", _last, ("plugin",)),
    Check("once", "nothing is stamped twice", _once, ("plugin",)),
    Check("storage", "the session is kept", _storage, ("plugin",)),
    Check("reload", "it survives a reload", _reload, ("storage", "every")),
    Check("tabs", "two tabs agree", _tabs, ("storage", "every")),
    Check("subdomain", "a subdomain agrees", _subdomain, ("storage", "every")),
    Check("idle", "it ends when it is time", _idle, ("storage", "every")),
    Check("consent", "consent is respected", _consent, ("plugin",)),
)
"""In the order of what hangs on what."""
