"""What is given out works by itself: the wheel without Node or a checkout, the npm package in a project."""

import base64
import hashlib
import json
import subprocess
import sys
import sysconfig
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest
from playwright.sync_api import Browser

from browser_plugin.page_build.places import MODULES
from browser_plugin.published import package
from browser_plugin.wheel import VERSION
from tests.browser.shop_page import EITHER_BROWSER, ONE_RUNTIME, Shop, opened, python, session
from tests.browser.site import Site, serving
from tests.support import patient
from tests.support.processes import ROOT

DIST = ROOT / "dist"
BUNDLE = Path(__file__).with_name("bundle.mjs")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(out)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    return next(out.glob("*.whl"))


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment of its own with the wheel; what the wheel asks for is this environment's."""
    folder = tmp_path_factory.mktemp("installed")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder / "venv"], check=True)
    program = folder / "venv" / "bin" / "python"
    command = [sys.executable, "-m", "pip", "--python", program, "install", "--no-deps", "--no-index", wheel]
    subprocess.run(list(map(str, [*command, "-q", "--disable-pip-version-check"])), check=True)
    [packages] = (folder / "venv" / "lib").glob("python*/site-packages")
    (packages / "needs.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return folder / "venv" / "bin"


def test_the_wheel_holds_what_pages_load_and_nothing_that_builds_it(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        manifest = json.loads(archive.read("forwarder/files/page/manifest.json"))
    pages = {name for name in manifest["files"] if not name.startswith("pyodide/")}
    assert {f"forwarder/files/page/{name}" for name in pages} <= names
    assert "forwarder/files/analytics.js/analytics.min.js" in names
    assert "forwarder/files/analytics.js/LICENSE" in names
    assert any(name.endswith("licenses/THIRD_PARTY_NOTICES.md") for name in names)
    assert not [name for name in names if "freeze" in name or "pyodide.asm" in name]
    assert manifest["version"] == VERSION
    assert f"amplitude_session_forwarder-{VERSION}-" in wheel.name


@EITHER_BROWSER
@ONE_RUNTIME
def test_the_installed_forwarder_serves_a_page_from_its_wheel_alone(
    clean: Shop, installed: Path, tmp_path: Path, browser: Browser
) -> None:
    programs = tmp_path / "programs"  # without Node
    programs.mkdir()
    bare = {"PATH": str(programs), "HOME": str(tmp_path), "AMPLITUDE_API_KEY": "k"}

    def forwarder(*words: str) -> str:
        command: list[str | Path] = [installed / "forwarder", *words]
        done = subprocess.run(command, cwd=tmp_path, env=bare, check=True, capture_output=True, text=True)
        return done.stdout

    assert forwarder("--version") == f"forwarder {VERSION}\n"
    forwarder("init")
    config = tmp_path / "forwarder.toml"
    keys = "[destinations.settings]"
    given = f'base_url = "{clean.amplitude.url}"\n{keys}'
    config.write_text(
        config.read_text().replace('write_key = "demo"', 'write_key = "web-key"').replace(keys, given)
    )
    assert forwarder("check", "--config", "forwarder.toml").startswith("fine: ")
    with served([installed / "forwarder", "serve", "--config", config, "--port", "0"], tmp_path, bare) as url:
        assert patient.get(f"{url}/health").json() == {"status": "ok", "version": VERSION}
        shop = Shop(clean.site, Address(url), clean.amplitude, "frozen")  # type: ignore[arg-type]
        with opened(
            browser, shop, shop.page("alone", after="<script>analytics.track('Alone')</script>")
        ) as page:
            [event] = shop.arrived("Alone")
            assert event["session_id"] == session(page)["stored"]
            assert python(page) == "ready"
            assert clean.seen == []


class Address(NamedTuple):
    """Where a forwarder is."""

    url: str


@contextmanager
def served(command: Sequence[str | Path], folder: Path, env: dict[str, str]) -> Iterator[str]:
    """Run a forwarder while the block lasts; gives its address."""
    running = subprocess.Popen(command, cwd=folder, env=env, stderr=subprocess.PIPE, text=True)
    assert running.stderr is not None
    try:
        lines = []
        for line in running.stderr:
            lines.append(line)
            said = json.loads(line)
            assert "doubt" not in said, line
            if said["event"] == "listening":
                break
        else:
            raise AssertionError(lines)
        yield said["address"]
    finally:
        running.terminate()
        running.communicate(timeout=30)
    assert running.returncode == 0


@pytest.fixture(scope="module")
def files(project: Path) -> Iterator[Site]:
    """The package's files on an origin of their own, and an app that names it, compiled to app.js."""
    with serving(Site(project / "node_modules" / "amplitude-session-plugin" / "files")) as site:
        site.headers["Access-Control-Allow-Origin"] = "*"
        (project / "app.ts").write_text(SOURCE.replace("BASE", json.dumps(site.url)))
        options = ["--strict", "--target", "es2022", "--module", "es2022", "--types", ""]
        compiler: list[str | Path] = ["node", MODULES / "typescript" / "bin" / "tsc", *options]
        compiler += ["--moduleResolution", "bundler", "app.ts"]
        done = subprocess.run(compiler, cwd=project, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stdout) == (0, "")
        yield site


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A throw-away project with the npm package installed from its tarball."""
    folder = tmp_path_factory.mktemp("project")
    tarball = package(DIST, folder)
    (folder / "package.json").write_text('{"private": true, "type": "module"}')
    command = ["npm", "install", "--offline", "--no-audit", "--no-fund", "--silent", str(tarball)]
    subprocess.run(command, cwd=folder, check=True, capture_output=True)
    return folder


SOURCE = """
import plugin, { sessionPlugin, type SessionSettings } from "amplitude-session-plugin";
const settings: SessionSettings = { sessionLength: 61000, base: BASE };
const made: ReturnType<typeof plugin> = sessionPlugin(settings);
declare global {
  interface Window { analytics: { register(plugin: typeof made): void; track(name: string): void } }
}
window.analytics.register(made);
window.analytics.track("Published");
"""


@EITHER_BROWSER
@ONE_RUNTIME
@pytest.mark.parametrize("form", ["iife", "esm"])
@pytest.mark.parametrize("bundler", ["esbuild", "webpack", "vite"])
def test_the_npm_package_compiles_and_bundles_into_a_page_with_python(
    clean: Shop, browser: Browser, project: Path, files: Site, form: str, bundler: str
) -> None:
    before = sum(files.sent.values())
    out = project / "out" / f"{bundler}-{form}.js"
    bundling: list[str | Path] = ["node", BUNDLE, MODULES, bundler, form, project / "app.js", out]
    made = subprocess.run(bundling, cwd=project, capture_output=True, text=True, check=False)
    assert (made.returncode, made.stderr) == (0, "")
    clean.site.pages[f"/{out.name}"] = out.read_text()
    kind = "module" if form == "esm" else "text/javascript"
    after = f'<script type="{kind}" src="/{out.name}"></script>'
    with opened(browser, clean, clean.page("published", after=after, cdn=clean.without_plugin())) as page:
        [event] = clean.arrived("Published")
        seen = session(page)
        assert event["session_id"] == seen["stored"]
        assert seen["expiresAt"] - seen["lastActivity"] == 61_000
        assert python(page) == "ready"
        assert clean.seen == []
    assert sum(files.sent.values()) > before, "Python comes from where the app says"


def test_each_file_has_its_integrity_and_the_tag_a_name_that_never_changes(project: Path) -> None:
    files = project / "node_modules" / "amplitude-session-plugin" / "files"
    manifest = json.loads((files / "manifest.json").read_text())
    for name, about in manifest["files"].items():
        if name.startswith("pyodide/") and not (files / name).exists():
            continue
        digest = base64.b64encode(hashlib.sha384((files / name).read_bytes()).digest()).decode()
        assert about["integrity"] == f"sha384-{digest}", name
    assert manifest["script"].startswith(f"session-plugin-{VERSION}-")
    assert (files / manifest["script"]).read_bytes() == (files / "session-plugin.js").read_bytes()


@ONE_RUNTIME
def test_the_tag_with_its_unchanging_name_and_integrity_works(clean: Shop, browser: Browser) -> None:
    manifest = json.loads((DIST / "page" / "manifest.json").read_text())
    name = manifest["script"]
    address = f"{clean.forwarder.url}/p/{name}"
    assert "immutable" in patient.get(address).headers["cache-control"]
    whole = f'integrity="{manifest["files"][name]["integrity"]}" crossorigin="anonymous"'
    tag = f'<script src="{address}" {whole}></script><script>analytics.track("Tagged")</script>'
    with opened(browser, clean, clean.page("immutable", after=tag, cdn=clean.without_plugin())) as page:
        [event] = clean.arrived("Tagged")
        assert event["session_id"] == session(page)["stored"]
        assert python(page) == "ready"
        assert clean.seen == []
