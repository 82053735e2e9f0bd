"""Browsers for the tests: Playwright's own where they can be had, else the system's packages."""

import os
import shutil
from pathlib import Path

from browser_plugin.checkout.environment import PYTHON, major, unchanged
from browser_plugin.checkout.steps import ROOT, Step, fail

OLDEST_FIREFOX = 153
"""That of the pinned Playwright, which speaks with 140 until the middle of a test."""
SYSTEM_BROWSERS = {"chromium": "chromium", "firefox-esr": "firefox-esr"}
"""Debian package to program, used where Playwright's own browsers cannot be had."""
WEBKIT = {"webkit2gtk-driver": "WebKitWebDriver", "xvfb": "Xvfb"}


def check_browsers() -> None:
    """End with one line where the system's Firefox is there and too old for the pinned Playwright."""
    if unchanged(ROOT / "build" / "browsers", "playwright") or not shutil.which("firefox-esr"):
        return
    if (said := major("firefox-esr")) < OLDEST_FIREFOX:
        mend = "apt-get update && apt-get install firefox-esr"
        fail(f"Firefox {said} is too old for the browser tests ({OLDEST_FIREFOX} or newer): {mend}")


def set_up_browsers() -> None:
    """Find or install browsers: Playwright's own where they can be had, else the system's packages."""
    stamp = ROOT / "build" / "browsers"
    if unchanged(stamp, "playwright") or all(map(shutil.which, (SYSTEM_BROWSERS | WEBKIT).values())):
        return
    own: list[str | Path] = [PYTHON, "-m", "playwright", "install", "chromium", "firefox", "webkit"]
    if Step("Playwright's browsers", own).wait("downloaded to", 4, needed=False):
        stamp.write_text("playwright")
        return
    missing = [
        package for package, program in (SYSTEM_BROWSERS | WEBKIT).items() if not shutil.which(program)
    ]
    hand = f"install them by hand: apt-get install {' '.join(missing)}"
    if not shutil.which("apt-get"):
        fail(f"browsers are missing, and this system has no apt-get; {hand}")
    apt = [] if os.geteuid() == 0 else ["sudo", "-n"]
    if apt and not shutil.which("sudo"):
        fail(f"browsers are missing and this user cannot install packages; {hand}")
    Step("Package lists", [*apt, "apt-get", "update", "-q"]).wait(needed=False)
    install = [*apt, "env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "install", "-qy", *missing]
    if not Step("Browsers", install).wait("^(?:Unpacking|Setting up)", 150, needed=False):
        fail(f"browsers could not be installed; {hand}")
    check_browsers()
