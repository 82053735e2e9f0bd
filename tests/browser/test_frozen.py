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
from browser_plugin.freeze.host import OUTSIDE
from browser_plugin.freeze.order import PROFILED
from browser_plugin.freeze.tools import as_utf8
from browser_plugin.freeze.workload import generated, texts
from tests.browser.site import Site, serving
from tests.support.processes import ROOT

HELD_OUT = 6_000
"""Made-up calls that no profile saw; the freeze's own check asks more, under Node."""
POLICY = "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; connect-src 'self'"
PAGE = '<!doctype html><meta charset="utf-8"><script type="module" src="/run.js"></script>'
RUN = """
import { startFrozen } from "/frozen.js";
const json = async (url) => (await fetch(url)).json();
const named = (name) => json(`/${name}.json`);
const [description, calls, heldOut, outside] =
  await Promise.all(["core", "calls", "held-out", "outside"].map(named));
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
  let trapped = 0, one = python.again(() => trapped++);
  for (const [text, answer] of heldOut) {
    try {
      if (one.call(text) !== answer) wrong.push([text, answer]);
    } catch {
      one = one.again(() => trapped++);
    }
  }
  python.memory.grow(3);
  const grown = python.call(calls[0][0]) === calls[0][1];
  const odd = attempt(python, 5), after = attempt(python, calls[0][0]), again = attempt(python, 5);
  const untyped = await start("/untyped.wasm");
  const huge = attempt(untyped, "x".repeat(3e6));
  const third = await start("/" + description.wasm);
  third.discard("a wrong answer");
  const ended = attempt(third, "");
  const fresh = third.again(() => {}).call(calls[0][0]);
  const ends = [];
  for (const value of [...outside, undefined]) {
    const reasons = [];
    const fresh = await startFrozen("/" + description.wasm, description, (why) => reasons.push(why));
    ends.push([attempt(fresh, value), reasons, attempt(fresh, calls[0][0])]);
  }
  const missing = await start("/none.wasm").then(() => "", String);
  const some = wrong.slice(0, 5);
  const seen = { grown, odd, after, again, huge, ended, fresh, told, missing, ends };
  return { calls: calls.length, heldOut: heldOut.length, trapped, wrong: some, ...seen };
}
run().then((said) => (window.said = said), (error) => (window.said = { error: String(error) }));
"""


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    """The module that is shipped, its host and calls with CPython's answers, under a strict policy."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        built = ROOT / "dist" / "page"
        wasm = json.loads((built / "core.json").read_text())["wasm"]
        for file in (built / "core.json", built / wasm, ROOT / "browser_plugin" / "page" / "frozen.js"):
            shutil.copy(file, folder)
        shutil.copy(built / wasm, folder / "untyped.wasm")
        made_up = list(generated(PROFILED + HELD_OUT))
        calls, held_out = (
            [(text, handle(text)) for text in map(as_utf8, some)]
            for some in ([*texts(), *made_up[:PROFILED]], made_up[PROFILED:])
        )
        pages = {
            "/": PAGE,
            "/run.js": RUN,
            "/calls.json": json.dumps(calls),
            "/held-out.json": json.dumps(held_out),
            "/outside.json": json.dumps(OUTSIDE),
        }
        types = {"/": "text/html; charset=utf-8", "/untyped.wasm": "application/octet-stream"}
        with serving(Site(folder, pages, types, {"Content-Security-Policy": POLICY})) as running:
            yield running


def holds(said: dict[str, Any]) -> None:
    """What the page has to have seen, in any engine."""
    assert "error" not in said, said
    assert said["calls"] > PROFILED
    assert said["heldOut"] == HELD_OUT
    assert said["wrong"] == []
    assert said["trapped"] <= HELD_OUT // 1_000, (
        "what no profile saw may trap, seldom; a new instance goes on"
    )
    assert said["grown"], "views of memory are made anew after it has grown"
    assert said["odd"] == said["again"]
    assert said["odd"].startswith("TypeError")
    assert said["after"] == handle(texts()[0]), "a text that is none costs nothing else"
    assert said["huge"].startswith("RangeError")
    assert said["ended"] == "Error: Python was discarded"
    assert said["fresh"] == handle(texts()[0]), "a fresh instance answers again"
    assert said["told"] == ["a wrong answer"], "an end is told once"
    assert "HTTP 404" in said["missing"]
    first = texts()[0]
    for value, (answer, reasons, afterwards) in zip([*OUTSIDE, None], said["ends"], strict=True):
        if reasons:  # discarded: told once, never asked again
            assert (reasons, afterwards) == ([answer], "Error: Python was discarded"), value
        elif answer and answer.startswith(("TypeError: ", "RangeError: ")):  # refused: the next is answered
            assert afterwards == handle(first), value
        else:
            assert (answer, afterwards) == (handle(as_utf8(str(value))), handle(first)), value
            assert isinstance(value, str)


def test_answers_as_cpython_does(site: Site, page: Page) -> None:
    page.goto(site.url)
    said = None
    while said is None:
        page.wait_for_timeout(50)
        said = page.evaluate("window.said ?? null")
    holds(said)


@pytest.mark.filterwarnings("ignore:setting remote_server_addr:DeprecationWarning")  # selenium's own
def test_answers_as_cpython_does_in_webkit(site: Site, driver: Any) -> None:
    driver.get(site.url)
    said = None
    while said is None:
        said = driver.execute_script("return window.said ?? null")
    holds(said)
