"""Whether a page loads what it needs: its policy, Analytics.js, the plugin, the plugin's Python."""

from forwarder.verifying.answers import SEE_POLICY, Answer, fault, fine
from forwarder.verifying.observation import PLUGIN, Visit
from forwarder.verifying.policy import refusals

_SNIPPET = 'analytics._cdn = "https://your-forwarder" and the script\'s address below it'


def policy_allows(visit: Visit) -> Answer:
    """Answer whether the page's policy lets everything of ours through."""
    found = refusals(visit)
    if not found:
        return fine("nothing of ours was refused")
    return fault(
        "; ".join(f"{one.directive} refused {one.what}" for one in found),
        "in the page's Content-Security-Policy, " + "; ".join(dict.fromkeys(one.mend for one in found)),
    )


def analytics_runs(visit: Visit) -> Answer:
    """Answer whether Analytics.js runs."""
    look = visit.first_look
    if look.initialized:
        return fine("it runs")
    if refusals(visit):
        return SEE_POLICY
    failed = [one for one in visit.failures if "analytics" in one.url or "/projects/" in one.url]
    if failed:
        return fault(
            f"{failed[0].url}: {failed[0].why}",
            f"the forwarder serves this file: set {_SNIPPET}, with the write key of a source",
        )
    if look.analytics:
        return fault(
            "its buffer is there, and the library did not start",
            "see the browser's console for the error; is the snippet's load() called?",
        )
    return fault(
        "there is no window.analytics",
        "put the Analytics.js snippet into the page; where it has another name, use --global NAME",
    )


def plugin_is_there(visit: Visit) -> Answer:
    """Answer whether the plugin is registered with Analytics.js."""
    look = visit.first_look
    if PLUGIN in look.plugins:
        return fine("it is registered with Analytics.js")
    if refusals(visit):
        return SEE_POLICY
    failed = [one for one in visit.failures if "session-plugin" in one.url]
    if failed:
        return fault(
            f"{failed[0].url}: {failed[0].why}",
            "the forwarder has it at /p/session-plugin.js: correct the address in the tag, or server.assets",
        )
    if look.scripts:
        return fault(
            f"{look.scripts[0]} is there, and did not register",
            "name the page's Analytics.js with data-global; see the browser's console for its error",
        )
    if visit.settings and not visit.settings.plugins:
        return fault(
            f"the settings document {visit.settings.url} (status {visit.settings.status}) names no plugin",
            f"this is not the forwarder's: in the snippet set {_SNIPPET}; or add the plugin's tag",
        )
    return fault(
        "nothing on the page loads it",
        'in the snippet set analytics._cdn to the forwarder, or add <script src="https://your-forwarder'
        '/p/session-plugin.js"></script> before the snippet; is a blocker or consent tool at work?',
    )


def python_answers(visit: Visit) -> Answer:
    """Answer whether the plugin's Python has started."""
    state = visit.looks.get("event", visit.first_look).python
    if state == "ready":
        return fine("it answers")
    if state.endswith("startPython is off"):
        return fine("switched off by startPython; the compiled rules answer")
    if refusals(visit):
        return SEE_POLICY
    return fault(
        state or "the plugin does not say",
        "sessions are right meanwhile, by the compiled rules; serve the plugin's files together (core-*.wasm"
        " as application/wasm), give base in a bundle",
    )
