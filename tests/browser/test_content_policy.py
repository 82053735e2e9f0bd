"""The README's content security policy is all that Analytics.js and the plugin need, and all is needed."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from tests.browser.shop_page import Shop, opened, python, session, shop
from tests.support.processes import ROOT

POLICY = re.search(r"^Content-Security-Policy: (.*)$", (ROOT / "README.md").read_text(), re.MULTILINE)
ISOLATED = {"Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Embedder-Policy": "require-corp"}
WATCH = """
<script nonce="r4nd0m">
  var violations = [];
  document.addEventListener("securitypolicyviolation", (event) =>
    violations.push(`${event.effectiveDirective} ${event.blockedURI}`));
</script>"""


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Shop]:
    with shop(tmp_path, headers=dict(ISOLATED)) as made:
        yield made


def inline(running: Shop) -> str:
    """A page with the standard snippet inline, as most pages have it; return its address."""
    url = running.page("inline", before=WATCH)
    page = running.site.pages["/inline"]
    nonced = f'<script nonce="r4nd0m">{running.site.pages["/inline.js"]}</script>'
    running.site.pages["/inline"] = page.replace('<script src="/inline.js"></script>', nonced)
    return url


def enforce(running: Shop, left_out: str = "", of: str = "script-src") -> None:
    """Send the README's policy with every answer of the site, without one word of a directive."""
    assert POLICY
    policy = POLICY[1].replace("RANDOM", "r4nd0m").replace("https://events.example.com", "FORWARDER")
    directives = [directive.split() for directive in policy.split(";")]
    if left_out:
        [changed] = [directive for directive in directives if directive[0] == of]
        changed.remove(left_out)
    policy = "; ".join(" ".join(directive) for directive in directives)
    running.site.headers["Content-Security-Policy"] = policy.replace("FORWARDER", running.forwarder.url)


def violations(page: Page) -> list[str]:
    # The demo pages' own icon is a data: address, which is not ours to allow.
    found: list[str] = page.evaluate("violations.filter((one) => !one.startsWith('img-src'))")
    return found


def test_the_policy_is_enough(running: Shop, browser: Browser) -> None:
    enforce(running)
    with opened(browser, running, inline(running) + "?ajs_event=From+the+address") as page:
        assert python(page) == "ready"
        page.evaluate("analytics.track('Allowed')")
        [event] = running.arrived("Allowed")
        assert event["session_id"] == session(page)["stored"]
        running.arrived("From the address")  # Analytics.js has loaded its lazy part for that
        assert page.evaluate("crossOriginIsolated")
        assert violations(page) == []


def test_without_webassembly_the_compiled_rules_answer(running: Shop, browser: Browser) -> None:
    enforce(running, left_out="'wasm-unsafe-eval'")
    with opened(browser, running, inline(running)) as page:
        assert python(page).startswith("unavailable: CompileError")
        page.evaluate("analytics.track('Compiled')")
        [event] = running.arrived("Compiled")
        assert event["session_id"] == session(page)["stored"]


@pytest.mark.parametrize("directive", ["script-src", "connect-src"])
def test_each_address_is_needed(running: Shop, browser: Browser, directive: str) -> None:
    enforce(running, left_out="FORWARDER", of=directive)
    with opened(browser, running, inline(running)) as page:
        page.wait_for_function("violations.some((one) => !one.startsWith('img-src'))")
        assert all(one.startswith(directive) for one in violations(page))
