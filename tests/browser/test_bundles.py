"""The plugin in a page's own bundle, as IIFE and as ES module, and its types in TypeScript."""

import json
import subprocess
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from browser_plugin.page_build.places import MODULES
from tests.browser.shop_page import EITHER_BROWSER, ONE_RUNTIME, Shop, opened, python, session, warned
from tests.support.processes import ROOT

DIST = ROOT / "dist" / "page"
SOURCE = """
import { sessionPlugin } from "./session-plugin.mjs";
window.analytics.register(sessionPlugin({ sessionLength: 61000, sessionEvents: true, %s }));
window.analytics.track("Bundled");
"""


def bundled(folder: Path, form: str, base: str) -> str:
    """Return a page's own script with the plugin joined to it by esbuild."""
    (folder / "session-plugin.mjs").write_text((DIST / "session-plugin.mjs").read_text())
    (folder / "app.js").write_text(SOURCE % (f"base: {json.dumps(base)}" if base else ""))
    command = ["node", MODULES / "esbuild" / "bin" / "esbuild", folder / "app.js", "--bundle", "--minify"]
    command += [f"--format={form}", f"--outfile={folder / 'out.js'}", "--log-level=error"]
    subprocess.run(list(map(str, command)), check=True, capture_output=True)
    return (folder / "out.js").read_text()


@EITHER_BROWSER
@ONE_RUNTIME
@pytest.mark.parametrize("form", ["iife", "esm"])
@pytest.mark.parametrize("with_base", [True, False])
def test_a_bundle_has_sessions_and_with_base_python(
    clean: Shop, browser: Browser, tmp_path: Path, form: str, with_base: bool
) -> None:
    name = f"/bundle-{form}-{with_base}.js"
    base = f"{clean.forwarder.url}/p" if with_base else ""
    clean.site.pages[name] = bundled(tmp_path, form, base)
    kind = "module" if form == "esm" else "text/javascript"
    after = f'<script type="{kind}" src="{name}"></script>'
    with opened(browser, clean, clean.page("bundle", after=after, cdn=clean.without_plugin())) as page:
        [event], [started] = clean.arrived("Bundled"), clean.arrived("Session Started")
        seen = session(page)
        assert event["session_id"] == started["session_id"] == seen["stored"] == seen["id"]
        assert seen["expiresAt"] - seen["lastActivity"] == 61_000
        if with_base:
            assert python(page) == "ready"
            page.evaluate("analytics.track('Again')")
            clean.arrived("Again")
            assert session(page)["explained"].endswith("answered by Python")
            assert clean.seen == []
        else:
            assert python(page).startswith("unavailable: set base, the address of the plugin's files")
            assert warned(page, clean, "set base"), clean.seen


APP = """
import plugin, { sessionPlugin, type SessionSettings, type Reason } from "./session-plugin.mjs";
const settings: SessionSettings = { sessionLength: 1, storage: "cookie", base: "https://example.com/p/" };
const made: ReturnType<typeof plugin> = sessionPlugin(settings);
export const reasons: Reason[] = ["idle", "another tab"];
export const id: number | null = window.analyticsSession.id;
made.load({}, {}).then(() => window.analyticsSession.onChange((session, reason) => [session.id, reason]));
"""


WRONG = {
    "length": ("sessionPlugin({ sesionLength: 1 });", "'sesionLength' does not exist"),
    "storage": ('sessionPlugin({ storage: "disk" });', "is not assignable"),
    "reason": ('export const odd: Reason = "tired";', "is not assignable"),
}
"""What a page's code may have wrong, and what the compiler says of it."""


@pytest.mark.parametrize("resolution", ["bundler", "node16"])
def test_typescript_finds_the_types(tmp_path: Path, resolution: str) -> None:
    for name in ("session-plugin.mjs", "session-plugin.d.mts"):
        (tmp_path / name).write_text((DIST / name).read_text())
    (tmp_path / "right.mts").write_text(APP)
    for name, (wrong, _) in WRONG.items():
        (tmp_path / f"{name}.mts").write_text(APP + wrong)
    module = "node16" if resolution == "node16" else "es2022"
    options = ["--strict", "--noEmit", "--target", "es2022", "--module", module, "--lib", "es2022,dom"]
    compiler = ["node", str(MODULES / "typescript" / "bin" / "tsc"), *options, "--types", ""]
    done = subprocess.run(
        [*compiler, "--moduleResolution", resolution, "right.mts", *(f"{name}.mts" for name in WRONG)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    said = done.stdout.splitlines()
    assert sorted(line.partition(".mts")[0] for line in said) == sorted(WRONG), "one error each, right none"
    for line in said:
        assert WRONG[line.partition(".mts")[0]][1] in line
