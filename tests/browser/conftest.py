"""The browsers that every test here runs in."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Playwright

from tests.browser.browsers import CHROMIUM_FLAGS, PLAYWRIGHT


@pytest.fixture(scope="module", params=PLAYWRIGHT)
def real_browser(playwright: Playwright, request: pytest.FixtureRequest) -> Iterator[Browser]:
    """Chromium, then Firefox: Playwright's own where they are, else the system's."""
    kind = getattr(playwright, request.param)
    if Path(kind.executable_path).exists():
        launched = kind.launch()
    elif request.param == "chromium":
        launched = kind.launch(executable_path=shutil.which("chromium"), args=CHROMIUM_FLAGS)
    else:
        launched = kind.launch(executable_path=shutil.which("firefox-esr"), channel="moz-firefox")
    yield launched
    launched.close()
