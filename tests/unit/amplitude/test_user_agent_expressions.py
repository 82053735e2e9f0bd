"""Expressions that cannot match for want of a word are not run, and no answer differs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import quickjs  # type: ignore[import-untyped]
from hypothesis import example, given
from hypothesis import strategies as st

from forwarder.amplitude import user_agent

GLUE = Path(user_agent.__file__).with_name("user_agent.js").read_text(encoding="utf-8")
COUNT = """
var ran = 0;
const real = RegExp.prototype.exec;
RegExp.prototype.exec = function (text) {
  ran++;
  return real.call(this, text);
};
"""
ASK = """
var words = (source) => JSON.stringify(wordsOf(source));
var both = (source, flags, text) => {
  const one = new RegExp(source, flags);
  one.lastIndex = 2;
  const found = [one.exec(text), one.lastIndex];
  one.lastIndex = 2;
  const wanted = [run.call(one, text), one.lastIndex];
  return JSON.stringify([found, wanted]);
};
var runs = (source, text) => {
  const one = new RegExp(source, "i");
  one.exec("");
  const before = ran;
  one.exec(text);
  return ran - before;
};
"""


def asked() -> Any:
    context = quickjs.Context()
    for script in (COUNT, GLUE, ASK):
        context.eval(script)
    return context


CONTEXT = asked()


@pytest.mark.parametrize(
    ("source", "words"),
    [
        (r"\b(sm-\w+)", ["sm-"]),
        (r"opera mini\/([\w\.]+)", ["opera mini/"]),
        (r"(?:ms|\()(ie) ([\w\.]+)", ["ie"]),
        (r"(chrome|omniweb)\/v?([\w\.]+)", ["chrome", "omniweb"]),
        (r"(one)?plus", ["plus"]),
        (r"(three)?(?:or)four", ["four"]),
        (r"colou?r", ["colo"]),
        (r"ab*cd", ["cd"]),
        (r"ab{0,2}c", ["a"]),
        (r"ab{2}c", ["ab"]),
        (r"ab+c", ["ab"]),
        (r"a(?!bcd)e", ["a"]),
        (r"a(?<!bcd)e", ["a"]),
        (r"a(?=bcd)", ["bcd"]),
        (r"(?<name>abc)\k<name>d", ["abc"]),
        (r"[abc]+", None),
        (r"[\]abc]de", ["de"]),
        (r"abc|[d]", None),
        (r"abc|", None),
        (r"(abc|)", None),
        (r"\x41\u0042\cC\12d", ["d"]),
        (r"ABC", ["abc"]),
        (r"éab", ["ab"]),
        (r"\/\(ab\.c", ["/(ab.c"]),
        (r"^a.b$", ["a"]),
        ("", None),
    ],
)
def test_a_text_that_matches_holds_one_of_these(source: str, words: list[str] | None) -> None:
    assert json.loads(CONTEXT.get("words")(source)) == words


@pytest.mark.parametrize(
    ("source", "text", "runs"),
    [("(zebra|gnu)s?", "Mozilla", 0), ("(zebra|gnu)s?", "GNU", 1), ("zebra", "a zebra", 1), ("[z]", "a", 1)],
)
def test_what_cannot_match_is_not_run(source: str, text: str, runs: int) -> None:
    assert CONTEXT.get("runs")(source, text) == runs


LETTERS = st.sampled_from([*"abAB ./(éſςσıİ", "K"])
ATOMS = st.one_of(
    st.sampled_from(
        [*"abAB /éſςσıİ", "K", r"\.", r"\(", r"\w", r"\d", r"\b", ".", "^", "$", r"\x41", r"\u0062"]
    ),
    st.sampled_from(["[ab]", r"[^\]b]", "(?=a)", "(?!b)", "(?<=a)", "(?<!b)", "(?:)", r"\cA", "]", "}"]),
)


def groups(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    times = st.sampled_from(["", "", "", "?", "*", "+", "{2}", "{0,1}", "{1,}", "??", "+?"])
    opening = st.sampled_from(["(", "(?:", "(?=", "(?!"])
    parts = st.lists(st.tuples(inner, times).map("".join), max_size=4).map("".join)
    alternatives = st.lists(parts, min_size=1, max_size=3).map("|".join)
    return st.builds(lambda begin, some: f"{begin}{some})", opening, alternatives)


SOURCES = st.lists(st.recursive(ATOMS, groups, max_leaves=8), max_size=5).map("".join)


@example("s", "iu", "ſ")
@example("b", "g", "aaa")
@example("b", "y", "aaa")
@given(
    st.lists(SOURCES, min_size=1, max_size=2).map("|".join),
    st.sampled_from(["", "i", "g", "y", "iu", "u", "m", "is"]),
    st.lists(LETTERS, max_size=6).map("".join),
)
def test_no_answer_differs(source: str, flags: str, text: str) -> None:
    try:
        found, wanted = json.loads(CONTEXT.get("both")(source, flags, text))
    except quickjs.JSException:  # no expression
        return
    assert found == wanted
