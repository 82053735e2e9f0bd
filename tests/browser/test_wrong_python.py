"""Python that traps, lies or answers nonsense on a real page: each event has its session all the same."""

import re

import pytest
from playwright.sync_api import Browser

from tests.browser.shop_page import (
    EITHER_BROWSER,
    ONE_RUNTIME,
    Shop,
    fresh,
    initialized,
    python,
    reported,
    session,
)
from tests.support.waiting import eventually

SPOILT = """(() => {
  const spoiled = ({ exports }) => ({ exports: Object.assign({}, exports, {
    PyObject_CallOneArg(...words) {
      if (window.traps?.length && window.traps.shift()) throw new WebAssembly.RuntimeError("unreachable");
      return exports.PyObject_CallOneArg(...words);
    },
    PyUnicode_AsUTF8AndSize(...words) {
      const at = exports.PyUnicode_AsUTF8AndSize(...words);
      if (window.lies) new Uint8Array(exports.memory.buffer)[at] = "[".charCodeAt(0);
      return at;
    },
  }) });
  const { instantiateStreaming, Instance } = WebAssembly;
  WebAssembly.instantiateStreaming = async (...words) => {
    const { instance, module } = await instantiateStreaming.apply(WebAssembly, words);
    return { instance: spoiled(instance), module };
  };
  WebAssembly.Instance = function (...words) { return spoiled(new Instance(...words)); };
})();"""
"""Makes the frozen module trap in the calls that ``traps`` names, and give other answers while ``lies``."""
ANSWERS = "document.currentScript.host(async () => () => {{ {0} }});"


@EITHER_BROWSER
@pytest.mark.parametrize(
    ("file", "content", "kind"),
    [
        ("stock", ANSWERS.format("return '{\"decision\":null}'"), "difference"),
        ("stock", ANSWERS.format("throw new Error('unreachable')"), "trap"),
        ("stock", "document.currentScript.host(async () => { throw new Error('no Pyodide'); });", "load"),
        ("stock", "// a file that is none of ours", "load"),
        ("later", "// a file that is none of ours", "load"),
        ("later", "", "load"),
    ],
)
@ONE_RUNTIME
def test_a_python_that_is_wrong_is_not_asked_again(
    clean: Shop, browser: Browser, file: str, content: str, kind: str
) -> None:
    with fresh(browser) as context:
        before = reported(clean, kind)
        page = context.new_page()
        headers = {"Access-Control-Allow-Origin": "*"}
        context.route(
            re.compile(rf"/{file}-\w+\.js"),
            lambda route: (
                route.fulfill(body=content, content_type="text/javascript", headers=headers)
                if content
                else route.abort()
            ),
        )
        tag = clean.tag().replace('data-runtime="frozen"', 'data-runtime="pyodide"')
        after = "<script>analytics.track('Wrong')</script>"
        page.goto(clean.page("wrong", before=tag, cdn=clean.without_plugin(), after=after))
        assert python(page).startswith("unavailable: ")
        page.evaluate("analytics.track('Wrong')")
        one, other = clean.arrived("Wrong", 2)
        assert one["session_id"] == other["session_id"] == session(page)["stored"]
        assert "; answered by the compiled policy" in session(page)["explained"]
        assert eventually(lambda: reported(clean, kind) == before + 1)


@EITHER_BROWSER
@ONE_RUNTIME
def test_after_a_trap_one_fresh_instance_answers_and_after_another_the_compiled_rules(
    clean: Shop, browser: Browser
) -> None:
    before = reported(clean, "trap")
    with fresh(browser) as context:
        context.add_init_script(SPOILT)
        page = context.new_page()
        page.on("console", lambda said: clean.seen.append(said.text))
        page.goto(clean.page("trap"))
        assert python(page) == "ready"
        initialized(page)
        said = []
        for trap in (False, True, False, True, False):
            # The first event is asked about twice: before its turn, and in it.
            page.evaluate(
                f"async () => {{ traps = [{str(trap).lower()}]; await analytics.track('Trapped'); }}"
            )
            page.evaluate("traps = []")
            said.append(session(page)["explained"].rpartition("by ")[2])
        assert said == ["Python", "the compiled policy", "Python", *["the compiled policy"] * 2]
        assert page.evaluate("analyticsSession.python").startswith("unavailable: RuntimeError")
        assert {one["session_id"] for one in clean.arrived("Trapped", 5)} == {session(page)["stored"]}
        assert eventually(lambda: reported(clean, "trap") == before + 2)
        assert len([line for line in clean.seen if "is started anew" in line]) == 1
        assert len([line for line in clean.seen if "Python is unavailable" in line]) == 1


@EITHER_BROWSER
@ONE_RUNTIME
def test_an_answer_of_the_frozen_module_that_differs_is_its_last(clean: Shop, browser: Browser) -> None:
    before = reported(clean, "difference")
    with fresh(browser) as context:
        context.add_init_script(SPOILT)
        page = context.new_page()
        page.goto(clean.page("lies"))
        assert python(page) == "ready"
        initialized(page)
        page.evaluate("async () => { lies = true; await analytics.track('Lied'); }")
        [event] = clean.arrived("Lied")
        assert event["session_id"] == session(page)["stored"]
        assert page.evaluate("analyticsSession.python").startswith("unavailable: ")
        assert eventually(lambda: reported(clean, "difference") == before + 1)
