"""What is wrong with a page for those who cannot see it well, by axe-core, and on a phone."""

from playwright.sync_api import Page

from tests.support.processes import ROOT

_AXE = (ROOT / "browser_plugin" / "node_modules" / "axe-core" / "axe.min.js").read_text(encoding="utf-8")
_VIOLATIONS = """() => axe.run({resultTypes: ["violations"]}).then(({violations}) => violations.flatMap(
  ({id, nodes}) => nodes.map(({target, failureSummary: why}) => `${id} at ${target.join(" ")}: ${why}`)))"""
_TOO_WIDE = "() => document.documentElement.scrollWidth - document.documentElement.clientWidth"


def mistakes(page: Page, name: str) -> list[str]:
    """Return what is wrong with the page as it is once it is whole. ``name``: what it is called in that."""
    page.wait_for_load_state()  # what a test has waited for may be there before the rest, and its style
    page.evaluate(_AXE)
    found = [f"{name}: {one}" for one in page.evaluate(_VIOLATIONS)]
    wide = page.evaluate(_TOO_WIDE)
    return [*found, *([f"{name} is {wide} px too wide"] if wide else [])]
