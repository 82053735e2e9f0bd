"""Fixtures for people's own suites: ``verify_session`` checks a page, ``verify_events`` reads what one sends.

::
    def test_our_sessions(verify_session):
        report = verify_session("https://shop.example.com/")
        assert not report.faults, str(report)

    def test_the_checkout(page, verify_events):
        events = verify_events(page)
        page.goto("https://shop.example.com/checkout")
        page.get_by_text("Pay").click()
        assert all(event.stamp for event in events if event.needs_stamp)

With pytest-playwright its browser is used, else the first one that is found.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, Protocol

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

    from forwarder.verifying.observation import SeenEvent
    from forwarder.verifying.report import Report


class VerifySession(Protocol):
    """Checks a page; the options are those of ``forwarder.verifying.visiting.Options``."""

    def __call__(self, url: str, **options: Any) -> Report:
        """Return the report: ``report.faults`` is empty where all is well, ``str(report)`` is its table."""


@pytest.fixture
def verify_session(request: pytest.FixtureRequest) -> Iterator[VerifySession]:
    """Return what checks a page as ``forwarder verify`` does."""
    from forwarder.verifying.checks import findings_of
    from forwarder.verifying.visiting import Options, visit

    def check_in(browser: Browser) -> VerifySession:
        def check(url: str, **options: Any) -> Report:
            return findings_of(visit(browser, url, Options(**options)))

        return check

    if request.config.pluginmanager.has_plugin("playwright"):
        yield check_in(request.getfixturevalue("browser"))
        return
    from forwarder.verifying import browsers

    with browsers.playwright() as running:
        names = browsers.found(running, {})
        if not names:
            pytest.fail("no browser was found; run: playwright install chromium firefox", pytrace=False)
        with browsers.browser(running, names[0]) as browser:
            yield check_in(browser)


@pytest.fixture
def verify_events() -> Callable[[Page], list[SeenEvent]]:
    """Return what has a Playwright page's events read and not sent: a list that fills as the page sends."""
    from forwarder.verifying.watching import events_of

    return events_of
