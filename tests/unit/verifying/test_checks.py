"""Each question of ``forwarder verify``: what makes it fine, what is a fault, and which mend is named."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from forwarder.verifying.checks import CHECKS, findings_of
from forwarder.verifying.observation import (
    PLUGIN,
    PROBE,
    Failure,
    Look,
    SeenEvent,
    SettingsDocument,
    Violation,
    Visit,
)
from forwarder.verifying.report import State, as_json, table
from forwarder.verifying.steps import AROUND_IDLE, REFUSED, SUBDOMAIN

ID, LATER = 1_700_000_000_000, 1_700_002_000_000
LOOK = Look(
    analytics=True,
    initialized=True,
    cdn="https://events.example.com",
    plugins=(PLUGIN,),
    session_id=ID,
    last_activity=ID,
    expires_at=ID + 1_800_000,
    python="ready",
    local=str(ID),
    cookie=str(ID),
)


def event(step: str, stamp: int | None = ID, leaving: bool = False, **fields: Any) -> SeenEvent:
    """Return the check's own event of a step, or with ``event`` or ``type`` one of the page."""
    own = {"type": "track", "event": PROBE, "properties": {"step": step}, "messageId": f"{step}{fields}"}
    integrations: dict[str, Any] = {"Actions Amplitude": {"session_id": stamp}} if stamp else {}
    return SeenEvent({"integrations": integrations, **own, **fields}, "", step, leaving)


def healthy() -> Visit:
    """Return a visit of a page on which all is well."""
    refused = {"Actions Amplitude": False}, {"Amplitude (Actions)": False}
    return Visit(
        "https://shop.example.com/",
        "chromium",
        [
            event("arrival", type="page", event=None),
            event("event"),
            *(event(step, None, integrations=one) for step, one in zip(REFUSED, refused, strict=True)),
            event("reload"),
            event("tab"),
            event(SUBDOMAIN),
            event("leaving", leaving=True),
            event(AROUND_IDLE[0]),
            event(AROUND_IDLE[1], LATER),
        ],
        dict.fromkeys(("arrival", "event", SUBDOMAIN, *AROUND_IDLE), LOOK),
    )


def without(visit: Visit, step: str) -> None:
    visit.events = [one for one in visit.events if one.step != step]


def with_look(visit: Visit, **changes: Any) -> None:
    visit.looks = {step: replace(look, **changes) for step, look in visit.looks.items()}


def refuse(directive: str, blocked: str) -> Callable[[Visit], None]:
    return lambda visit: visit.violations.append(Violation(directive, blocked))


def buffered(visit: Visit) -> None:
    with_look(visit, initialized=False)


def missing_library(visit: Visit) -> None:
    buffered(visit)
    visit.failures.append(
        Failure("https://cdn.example.com/analytics.js/v1/k/analytics.min.js", "answered with 404")
    )


def nowhere(visit: Visit) -> None:
    with_look(visit, initialized=False, analytics=False)


def no_plugin(visit: Visit) -> None:
    with_look(visit, plugins=(), session_id=None, python="")


def missing_file(visit: Visit) -> None:
    no_plugin(visit)
    visit.failures.append(Failure("https://events.example.com/p/session-plugin.js", "answered with 404"))


def unregistered(visit: Visit) -> None:
    no_plugin(visit)
    with_look(visit, scripts=("https://events.example.com/p/session-plugin.js",))


def elsewhere(visit: Visit) -> None:
    no_plugin(visit)
    visit.settings = SettingsDocument("https://cdn.example.com/v1/projects/k/settings", 200)


def early(visit: Visit) -> None:
    visit.events[:1] = [event("arrival", None, type="page", event=None), event("arrival", event="Shown")]


def changed(step: str, stamp: int | None = LATER) -> Callable[[Visit], None]:
    def change(visit: Visit) -> None:
        visit.events = [event(step, stamp) if one.probe == step else one for one in visit.events]

    return change


def adds(*events: SeenEvent) -> Callable[[Visit], None]:
    return lambda visit: visit.events.extend(events)


def overwritten(visit: Visit) -> None:
    visit.events = [event(step, ID) if (step := one.probe) in REFUSED else one for one in visit.events]


FAULTS: list[tuple[str, str, Callable[[Visit], None]]] = [
    (
        "policy",
        "add https://events.example.com to script-src",
        refuse("script-src-elem", "https://events.example.com/p/session-plugin.js"),
    ),
    (
        "policy",
        "add https://a.example.com to connect-src",
        refuse("connect-src", "https://a.example.com/v1/t"),
    ),
    (
        "policy",
        "add https://s.example.com to script-src",
        refuse("script-src-elem", "https://s.example.com/session-plugin-0.2.0-1a2b3c4d.js"),
    ),
    ("policy", "'wasm-unsafe-eval'", refuse("script-src", "wasm-eval")),
    ("analytics", "load()", buffered),
    ("analytics", "analytics._cdn", missing_library),
    ("analytics", "--global", nowhere),
    ("plugin", "/p/session-plugin.js", missing_file),
    ("plugin", "data-global", unregistered),
    ("plugin", "not the forwarder's", elsewhere),
    ("plugin", "blocker", no_plugin),
    ("python", "application/wasm", lambda visit: with_look(visit, python="unavailable: could not be loaded")),
    ("first", "sooner", early),
    ("every", "eventTypes", adds(event("reload", None, event="Own"))),
    ("every", "console", lambda visit: without(visit, "event")),
    ("every", "eventTypes", changed("reload", None)),
    ("last", "pagehide", adds(event("leaving", None, leaving=True, event="Left"))),
    ("last", "second script", lambda visit: without(visit, "leaving")),
    ("once", "Browser Session Tracking", lambda visit: with_look(visit, plugins=("Session Plugin", PLUGIN))),
    ("once", "take the tag out", lambda visit: with_look(visit, plugins=(PLUGIN, PLUGIN))),
    ("once", "another script", adds(event("tab", LATER, messageId="m"), event("tab", messageId="m"))),
    (
        "once",
        "triggerSessionEvents",
        adds(event("tab", event="Session Started"), event("tab", event="session_started")),
    ),
    (
        "storage",
        "let the page store",
        lambda visit: with_look(visit, local="", cookie="", storage_error="no"),
    ),
    ("storage", "that option", lambda visit: with_look(visit, local="", cookie="", memory_only=True)),
    ("reload", "as it loads", changed("reload")),
    ("tabs", "share", changed("tab")),
    ("tabs", "console", lambda visit: without(visit, "tab")),
    ("subdomain", "cookie", changed(SUBDOMAIN)),
    ("idle", "keep it alive", changed(AROUND_IDLE[1], ID)),
    ("idle", "explain", changed(AROUND_IDLE[0], ID + 1)),
    ("idle", "console", lambda visit: without(visit, AROUND_IDLE[1])),
    ("consent", "after consent", adds(event("consent", None, event="Soon", integrations={"All": False}))),
    ("consent", "integrations", overwritten),
]


def test_a_healthy_page_is_fine() -> None:
    report = findings_of(healthy())
    assert [one.state for one in report.findings] == [State.OK] * len(CHECKS), str(report)
    assert all(one.detail and not one.mend for one in report.findings)


@pytest.mark.parametrize(("check", "mend", "break_it"), FAULTS, ids=[f"{one[0]}: {one[1]}" for one in FAULTS])
def test_a_fault_is_named_once_with_its_mend(
    check: str, mend: str, break_it: Callable[[Visit], None]
) -> None:
    visit = healthy()
    break_it(visit)
    report = findings_of(visit)
    named = [one.check for one in report.faults]
    # An event that never came is missed by everyone who waits for it.
    assert check in named if mend == "console" else named == [check], str(report)
    assert mend in next(one.mend for one in report.faults if one.check == check)


def test_every_question_has_a_page_that_fails_it() -> None:
    assert {one[0] for one in FAULTS} == {one.name for one in CHECKS}


def test_what_the_policy_refuses_is_the_only_fault() -> None:
    visit = healthy()
    nowhere(visit)
    refuse("script-src-elem", "inline")(visit)
    refuse("img-src", "data")(visit)
    report = findings_of(visit)
    assert [one.check for one in report.faults] == ["policy"]
    assert "nonce" in report.faults[0].mend


def test_what_else_the_policy_refuses_is_the_pages_own_matter() -> None:
    visit = healthy()
    for directive, blocked in (("script-src", "inline"), ("img-src", "https://pictures.example.com/a.png")):
        refuse(directive, blocked)(visit)
    assert not findings_of(visit).faults


def test_events_that_need_no_stamp() -> None:
    visit = healthy()
    for integrations in ({"All": False}, {"Amplitude (Actions)": False}):
        adds(event("tab", None, event="Kept out", integrations=integrations))(visit)
    adds(event("tab", None, type="screen"))(visit)
    assert not findings_of(visit).faults


def test_without_a_subdomain_the_question_is_skipped() -> None:
    visit = healthy()
    del visit.looks[SUBDOMAIN]
    [skipped] = [one for one in findings_of(visit).findings if one.state is State.SKIPPED]
    assert skipped.check == "subdomain"


def test_a_report_as_a_table_and_as_json() -> None:
    visit = healthy()
    changed("tab")(visit)
    report = findings_of(visit)
    shown = "\n".join(table([report]))
    assert "https://shop.example.com/ in chromium" in shown
    assert "fault    two tabs agree" in shown
    assert "mend: tabs share" in shown
    [said] = as_json([report])
    assert (said["ok"], said["browser"]) == (False, "chromium")
