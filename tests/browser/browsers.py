"""Real browsers, headless: Playwright's own where they are installed, else the system's."""

import os
import shutil
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from glob import glob
from typing import Any

from playwright.async_api import Browser, async_playwright
from selenium import webdriver

CHROMIUM_FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
NOTHING_EMULATED: dict[str, Any] = dict.fromkeys(
    ("color_scheme", "reduced_motion", "forced_colors", "contrast"), "null"
)
"""For pages in the system's Firefox, which knows nothing of these emulations."""
PLAYWRIGHT = ("chromium", "firefox")


@asynccontextmanager
async def browser(name: str) -> AsyncIterator[Browser]:
    """Start ``chromium`` or ``firefox`` and give the running browser; it ends with the block."""
    system = shutil.which({"chromium": "chromium", "firefox": "firefox-esr"}[name])
    async with async_playwright() as playwright:
        if name == "chromium":
            own = await playwright.chromium.launch(executable_path=system, args=CHROMIUM_FLAGS)
        else:
            channel = "moz-firefox" if system else None
            own = await playwright.firefox.launch(executable_path=system, channel=channel)
        try:
            yield own
        finally:
            await own.close()


@contextmanager
def webkit() -> Iterator[webdriver.WebKitGTK]:
    """Start WebKitGTK (Safari's engine), which Playwright cannot drive, on a display of its own."""
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
