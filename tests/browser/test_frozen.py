"""The frozen module answers in every engine as CPython does, and ends cleanly where it cannot."""

import json
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page

from browser_plugin.entry import handle
from browser_plugin.freeze.cache import frozen_once, publish
from browser_plugin.freeze.check import CALLS
from browser_plugin.freeze.workload import generated, texts
from tests.browser.browsers import webkit
from tests.browser.site import Site, serving
from tests.browser.wheel import CACHE, PLUGIN, order

POLICY = "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; connect-src 'self'"
PAGE = '<!doctype html><meta charset="utf-8"><script type="module" src="/run.js"></script>'
RUN = """
import { startFrozen } from "/frozen.js";
const json = async (url) => (await fetch(url)).json();
const [description, calls] = await Promise.all([json("/core.json"), json("/calls.json")]);
const told = [];
const start = (url) => startFrozen(url, description, (why) => told.push(why));
function attempt(python, value) {
  try {
    return python.call(value);
  } catch (error) {
    return String(error);
  }
}
async function run() {
  const python = await start("/" + description.wasm);
  const wrong = calls.filter(([text, answer]) => python.call(text) !== answer);
  python.memory.grow(3);
  const grown = python.call(calls[0][0]) === calls[0][1];
  const odd = attempt(python, 5), after = attempt(python, calls[0][0]), again = attempt(python, 5);
  const untyped = await start("/untyped.wasm");
  const huge = attempt(untyped, "x".repeat(3e6));
  const third = await start("/" + description.wasm);
  third.discard("a wrong answer");
  const ended = attempt(third, "");
  const missing = await start("/none.wasm").then(() => "", String);
  const some = wrong.slice(0, 5);
  return { calls: calls.length, wrong: some, grown, odd, after, again, huge, ended, told, missing };
}
run().then((said) => (window.said = said), (error) => (window.said = { error: String(error) }));
"""


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    """The frozen module, its host and 20,000 calls with CPython's answers, under a strict page policy."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        description = json.loads(publish(frozen_once(order("tight"), CACHE, print), folder).read_text())
        shutil.copy(folder / description["wasm"], folder / "untyped.wasm")
        shutil.copy(PLUGIN / "page" / "frozen.js", folder)
        calls = [(text, handle(text)) for text in (*texts(), *generated(CALLS))]
        pages = {"/": PAGE, "/run.js": RUN, "/calls.json": json.dumps(calls)}
        types = {"/": "text/html; charset=utf-8", "/untyped.wasm": "application/octet-stream"}
        with serving(Site(folder, pages, types, {"Content-Security-Policy": POLICY})) as running:
            yield running


def holds(said: dict[str, Any]) -> None:
    """What the page has to have seen, in any engine."""
    assert "error" not in said, said
    assert said["calls"] > CALLS
    assert said["wrong"] == []
    assert said["grown"], "views of memory are made anew after it has grown"
    assert said["odd"].startswith("TypeError")
    assert said["after"] == said["again"] == said["ended"] == "Error: Python was discarded"
    assert said["huge"].startswith("RangeError")
    assert said["told"] == [said["odd"], said["huge"], "a wrong answer"], "each end is told once"
    assert "HTTP 404" in said["missing"]


def test_answers_as_cpython_does(site: Site, page: Page) -> None:
    page.goto(site.url)
    said = None
    while said is None:
        page.wait_for_timeout(50)
        said = page.evaluate("window.said ?? null")
    holds(said)


@pytest.mark.filterwarnings("ignore:setting remote_server_addr:DeprecationWarning")  # selenium's own
def test_answers_as_cpython_does_in_webkit(site: Site) -> None:
    with webkit() as driver:
        driver.get(site.url)
        said = None
        while said is None:
            said = driver.execute_script("return window.said ?? null")
        holds(said)
