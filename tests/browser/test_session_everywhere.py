"""The same rules in CPython, Pyodide, the frozen module and JavaScript: one answer to every question.

Asked are the recorded sessions and as many made-up requests, in the files that are shipped, in each browser.
"""

import json
from collections.abc import Iterator
from math import ceil, isfinite
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from playwright.sync_api import Browser, Page

from browser_plugin.entry import FAULT, handle
from browser_plugin.explanation import explain
from browser_plugin.freeze.tools import as_utf8
from browser_plugin.freeze.workload import generated, texts, written
from browser_plugin.page_build.scripts import setting_constants
from browser_plugin.plugin import ID_KEY, LAST_KEY, facts
from browser_plugin.policy import as_javascript
from browser_plugin.settings import TABLE, read_settings
from tests.browser.shop_page import EITHER_BROWSER, fresh
from tests.browser.site import Site, serving
from tests.support.processes import ROOT
from tests.vectors import replay
from tests.vectors.stored import cases

DIST = ROOT / "dist" / "page"
MADE_UP = 2_000
NOW = 1_700_000_000_000
RECORDED = [case for case in cases("session") if case["kind"] not in ("subscribe", "mapped-settings")]
START = """async (later) => {
  window.told = [];
  console.warn = (line) => told.push(line);
  const { loadPyodide } = await import("/pyodide/pyodide.mjs");
  window.pyodide = await loadPyodide({ indexURL: "/pyodide/" });
  const script = Object.assign(document.createElement("script"), { src: later });
  const begin = await new Promise((host, reject) => {
    document.head.append(Object.assign(script, { host, onerror: reject }));
  });
  const started = async (runtime) => {
    const python = { state: "starting", ask: null };
    const settings = { startPython: "now", runtime };
    begin({ base: "/", settings, python, attached: [], passing: new Map(), listeners: new Set() }, () => {});
    while (python.state === "starting") await new Promise((done) => setTimeout(done, 20));
    return python.ask;
  };
  window.rules = await import("/compiled.js");
  window.ask = { frozen: await started("frozen"), pyodide: await started("pyodide") };
}"""
ASK = """(calls) => {
  const expected = calls.map(([text, answer]) => JSON.parse(answer));
  const same = (one, n) => JSON.stringify(one) === JSON.stringify(expected[n]);
  const said = ([text, _, sentence], n) =>
    !sentence || rules.explain(JSON.parse(text), expected[n]) === sentence;
  const wrong = { compiled: calls.filter(([text], n) => !same(window.rules.enrich(JSON.parse(text)), n)) };
  wrong.sentences = calls.filter((call, n) => !said(call, n));
  for (const [name, ask] of Object.entries(window.ask))
    wrong[name] = calls.filter(([text], n) => !same(ask(text, expected[n]), n));
  return wrong;
}"""
PLAY = Path(__file__).with_name("play_recorded.js").read_text()


READ = """async ([source, constants, given]) => {
  const names = Object.keys(constants);
  const declared = names.map((name) => `const ${name} = ${JSON.stringify(constants[name])};`).join("");
  const module = source.replace(/import .* from "built";/, declared);
  const { readSettings } = await import(URL.createObjectURL(new Blob([module], { type: "text/javascript" })));
  const { warn } = console;
  const read = given.map((raw) => {
    let warnings = 0;
    console.warn = () => warnings++;
    return [readSettings(raw), warnings];
  });
  console.warn = warn;
  return read;
}"""


@pytest.fixture(scope="module")
def page(browser: Browser) -> Iterator[Page]:
    """A page in which the three of them are up: Pyodide takes some seconds."""
    site = Site(DIST, {"/": "<!doctype html><title>rules</title>", "/compiled.js": as_javascript()})
    site.types["/"] = "text/html; charset=utf-8"
    with serving(site), fresh(browser) as context:
        page = context.new_page()
        page.goto(site.url)
        page.evaluate(START, f"/{next(DIST.glob('later-*.js')).name}")
        yield page


@st.composite
def raw_settings(draw: st.DrawFn) -> dict[str, Any]:
    """Settings as people write them: under any name, usable or not."""
    odd: list[Any] = [
        None,
        True,
        "",
        "abc",
        " 7 ",
        "1e3",
        "1_000",
        60_000,
        1.5,
        -1,
        1e15,
        [],
        ["9"],
        [1, 2],
        {},
    ]
    words = st.sampled_from(
        [word for setting in TABLE for word in (*setting.choices, "track, page", "clicks")]
    )
    value = st.sampled_from(odd) | words | st.lists(words, max_size=3) | st.integers(-5, 10**16)
    names = [name for setting in TABLE for name in {setting.page, setting.segment or setting.page}]
    return draw(st.dictionaries(st.sampled_from([*names, "colour", ""]), value, max_size=4))


def made_up(strategy: st.SearchStrategy[Any], count: int) -> list[Any]:
    """Return the same made-up values every time."""
    found = []

    @settings(
        max_examples=count,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(strategy)
    def collect(value: Any) -> None:
        found.append(value)

    collect()
    return found


def recorded() -> list[str]:
    """Return what the recorded sessions ask: the facts about each of their events."""
    found: dict[str, None] = {}
    for case in RECORDED:
        player = replay.Player(case)
        settings = replay.settings_of(case["settings"])
        for step in case["steps"]:
            player.change(step.get("before", []))
            stored = player.storage.get(ID_KEY), player.storage.get(LAST_KEY)
            length = settings.session_length
            if isfinite(length) and length == max(0, ceil(length)):  # as pages have it
                asked = facts(step["event"], step["now"], stored, settings, False)
                asked["settings"]["sessionLength"] = int(length)
                found[written(asked)] = None
            player.play(step, settings)
    return list(found)


def test_three_compilations_give_the_answers_of_cpython(page: Page) -> None:
    asked = [*recorded(), *map(as_utf8, [*texts(), *generated(MADE_UP)])]
    calls = [
        (text, answer, sentence_for(text, answer)) for text in asked if (answer := handle(text)) != FAULT
    ]
    assert len(calls) > MADE_UP
    assert sum(bool(sentence) for _, _, sentence in calls) > MADE_UP / 2
    decisions = [patch["decision"] for _, answer, _ in calls if (patch := json.loads(answer))]
    assert {one["reason"] for one in decisions if one} == {
        "first visit",
        "active",
        "idle",
        "maximum",
        "reset",
        "another user",
        "unusable",
    }
    assert page.evaluate(ASK, calls) == {"compiled": [], "sentences": [], "frozen": [], "pyodide": []}
    assert page.evaluate("window.told") == []


def sentence_for(text: str, answer: str) -> str:
    """Return the explanation of an answer; an empty text where it has none, or none that people ask for."""
    patch = json.loads(answer)
    if not patch or not patch["why"]:
        return ""
    try:
        return explain(json.loads(text), patch)
    except Exception:  # settings that no page lets through
        return ""


@EITHER_BROWSER
def test_pyodide_plays_the_recorded_sessions_as_cpython_does(page: Page) -> None:
    text = json.dumps(RECORDED)
    page.evaluate("(source) => pyodide.runPython(source)", Path(replay.__file__).read_text())
    said = page.evaluate("(text) => pyodide.globals.get('replay_all')(text)", text)
    assert json.loads(said) == json.loads(replay.replay_all(text))


@EITHER_BROWSER
def test_the_page_plays_the_recorded_sessions_as_the_plugin_does(page: Page) -> None:
    """Left out: settings that pages refuse, texts that switch flags off there, and stores that disagree,
    where the newest wins on pages."""
    played = [
        case
        for case in RECORDED
        if not read_settings(case["settings"])[1]
        and case["settings"].get("triggerSessionEvents") not in ("false", "0", "off", "no")
        and not disagree(case)
    ]
    assert len(played) > 250
    results = page.evaluate(PLAY, played)
    for case, result in zip(played, results, strict=True):
        assert result == json.loads(json.dumps(replay.replay(case))), case


def disagree(case: dict[str, Any]) -> bool:
    """Tell whether a case begins with something in the cookie that is not in localStorage."""
    first = case["initial_storage"]
    return any(first["local"].get(key, value) != value for key, value in first["cookie"].items())


@EITHER_BROWSER
def test_pages_read_settings_as_the_forwarder_does(page: Page) -> None:
    given = [raw for raw in made_up(raw_settings(), 300) if len({names_of(name) for name in raw}) == len(raw)]
    source = (ROOT / "browser_plugin" / "page" / "settings.js").read_text()
    for raw, (read, warnings) in zip(
        given, page.evaluate(READ, [source, setting_constants(), given]), strict=True
    ):
        values, problems = read_settings(raw)
        expected = {}
        for setting in TABLE:
            value = getattr(values, setting.name)
            # On pages a length is whole from the start, the times compared with it are.
            expected[setting.page] = max(0, ceil(value)) if setting.kind == "ms" else value
        assert read == json.loads(json.dumps(expected)), raw
        unknown = sum("is not a setting" in problem for problem in problems)  # pages name them in one line
        assert warnings == len(problems) - max(0, unknown - 1), raw


def names_of(name: str) -> str:
    """Return the one setting that a name means."""
    return next((setting.page for setting in TABLE if name in (setting.page, setting.segment)), name)
