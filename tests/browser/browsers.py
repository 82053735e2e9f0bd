"""Real browsers, headless: Playwright's own where they are installed, else the system's."""

import os
import shutil
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from glob import glob
from pathlib import Path
from typing import Any

from playwright.async_api import Browser, async_playwright
from playwright.async_api import BrowserType as AsyncBrowserType
from playwright.sync_api import BrowserType

SYSTEM: dict[str, tuple[str, dict[str, Any]]] = {
    "chromium": (
        "chromium",
        {"args": ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]},
    ),
    "firefox": ("firefox-esr", {"channel": "moz-firefox"}),
}
"""The system's program for each browser, and what starting it takes."""
NOTHING_EMULATED: dict[str, Any] = dict.fromkeys(
    ("color_scheme", "reduced_motion", "forced_colors", "contrast"), "null"
)
"""For pages in the system's Firefox, which knows nothing of these emulations."""


def launch_options(kind: BrowserType | AsyncBrowserType) -> dict[str, Any]:
    """Return what starting a browser takes: nothing for Playwright's own, where it is installed."""
    if kind.name not in SYSTEM or Path(kind.executable_path).exists():
        return {}
    program, options = SYSTEM[kind.name]
    return {**options, "executable_path": shutil.which(program)}


@asynccontextmanager
async def browser(name: str) -> AsyncIterator[Browser]:
    """Start ``chromium`` or ``firefox`` and give the running browser; it ends with the block."""
    async with async_playwright() as playwright:
        kind: AsyncBrowserType = getattr(playwright, name)
        running = await kind.launch(**launch_options(kind))
        try:
            yield running
        finally:
            await running.close()


@contextmanager
def webkit() -> Iterator[Any]:
    """Start WebKitGTK (Safari's engine), which Playwright cannot drive, on a display of its own."""
    from selenium import webdriver  # it takes half a second, and most who import this module need none of it

    read, write = os.pipe()
    xvfb = subprocess.Popen(
        ["Xvfb", "-displayfd", str(write), "-nolisten", "tcp"], pass_fds=[write], stderr=subprocess.DEVNULL
    )
    os.close(write)
    try:
        with os.fdopen(read) as told:
            display = f":{told.readline().strip()}"
        options = webdriver.WebKitGTKOptions()
        options.binary_location = min(glob("/usr/lib/*/webkit2gtk-4.*/MiniBrowser"))
        options.add_argument("--automation")
        environment = {**os.environ, "DISPLAY": display, "WEBKIT_DISABLE_SANDBOX_THIS_IS_DANGEROUS": "1"}
        service = webdriver.WebKitGTKService(executable_path=shutil.which("WebKitWebDriver"), env=environment)
        driver = webdriver.WebKitGTK(options=options, service=service)
        try:
            yield driver
        finally:
            driver.quit()
    finally:
        xvfb.terminate()
        xvfb.wait()
