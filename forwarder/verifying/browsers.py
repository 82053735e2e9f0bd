"""The browsers that a site is checked in: Playwright's own where they are installed, else the system's."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from forwarder.errors import ForwarderError

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserType, Playwright

NAMES = ("chromium", "firefox")
_PROGRAMS = {
    "chromium": ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable"),
    "firefox": ("firefox-esr", "firefox"),
}
_OPTIONS: dict[str, dict[str, Any]] = {
    "chromium": {"args": ["--disable-gpu", "--disable-background-networking"]},
    "firefox": {"channel": "moz-firefox"},
}
"""What driving the system's own program takes."""


class BrowserMissingError(ForwarderError):
    """There is no browser to check with, or it does not start."""


@contextmanager
def playwright() -> Iterator[Playwright]:
    """Run Playwright's driver; BrowserMissingError where Playwright is not installed."""
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        raise BrowserMissingError(
            "checking a site takes Playwright: pip install 'amplitude-session-forwarder[verify]'"
        ) from None
    with sync_playwright() as running:
        yield running


def found(running: Playwright, paths: dict[str, str]) -> list[str]:
    """Return the names of the browsers that there are. ``paths``: programs by browser, where given."""
    return [name for name in NAMES if paths.get(name) or _own(running, name) or _system(name)]


@contextmanager
def browser(
    running: Playwright, name: str, path: str = "", *, sandbox: bool = True, headed: bool = False
) -> Iterator[Browser]:
    """Start a browser for as long as the block lasts. ``path``: its program, instead of the one found.

    Raises BrowserMissingError where it is missing or does not start.
    """
    kind: BrowserType = getattr(running, name)
    options: dict[str, Any] = {}
    if path or not _own(running, name):
        program = path or _system(name)
        if not program:
            mend = f"playwright install {name}, or give its program with --{name} PATH"
            raise BrowserMissingError(f"{name} was not found; {mend}")
        options = {**_OPTIONS[name], "executable_path": program}
    if name == "chromium":
        options["chromium_sandbox"] = sandbox
    try:
        started = kind.launch(headless=not headed, **options)
    except Exception as error:  # Playwright's own errors, and whatever the program does
        first = str(error).strip().splitlines()[0]
        root = "; as root, Chromium needs --no-sandbox" if name == "chromium" and sandbox else ""
        raise BrowserMissingError(f"{name} does not start: {first}{root}") from None
    try:
        yield started
    finally:
        started.close()


def _own(running: Playwright, name: str) -> str:
    path = getattr(running, name).executable_path
    return path if Path(path).exists() else ""


def _system(name: str) -> str:
    return next((path for program in _PROGRAMS[name] if (path := shutil.which(program))), "")
