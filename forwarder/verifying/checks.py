"""The questions that a check of a site asks, and how a visit answers them. Pure: values in, findings out."""

from collections.abc import Callable
from typing import NamedTuple

from forwarder.verifying import loading, session_keeping, stamping
from forwarder.verifying.answers import Answer, skipped
from forwarder.verifying.observation import Visit
from forwarder.verifying.report import Finding, Report, State


def findings_of(visit: Visit) -> Report:
    """Return the answer to each question; those that hang on one with a fault are skipped."""
    found: dict[str, Finding] = {}
    for check in CHECKS:
        failed = next((name for name in check.after if found[name].state is not State.OK), "")
        answer = skipped(f"see: {found[failed].question}") if failed else check.answer(visit)
        found[check.name] = Finding(check.name, check.question, *answer)
    return Report(visit.url, visit.browser, tuple(found.values()))


class Check(NamedTuple):
    """A question of the check. ``after``: the checks that have to be fine before it makes sense."""

    name: str
    question: str
    answer: Callable[[Visit], Answer]
    after: tuple[str, ...] = ()


CHECKS = (
    Check("policy", "the content security policy allows it", loading.policy_allows),
    Check("analytics", "Analytics.js runs", loading.analytics_runs),
    Check("plugin", "the session plugin is there", loading.plugin_is_there, ("analytics",)),
    Check("python", "Python answers", loading.python_answers, ("plugin",)),
    Check("first", "the first events are stamped", stamping.first_is_stamped, ("plugin",)),
    Check("every", "every event is stamped", stamping.every_is_stamped, ("plugin",)),
    Check("last", "the last event is stamped", stamping.last_is_stamped, ("plugin",)),
    Check("once", "nothing is stamped twice", stamping.nothing_is_stamped_twice, ("plugin",)),
    Check("storage", "the session is kept", session_keeping.session_is_kept, ("plugin",)),
    Check("reload", "it survives a reload", session_keeping.reload_keeps_it, ("storage", "every")),
    Check("tabs", "two tabs agree", session_keeping.tabs_agree, ("storage", "every")),
    Check("subdomain", "a subdomain agrees", session_keeping.subdomain_agrees, ("storage", "every")),
    Check("idle", "it ends when it is time", session_keeping.session_ends_in_time, ("storage", "every")),
    Check("consent", "consent is respected", stamping.consent_is_respected, ("plugin",)),
)
"""In the order of what hangs on what."""
