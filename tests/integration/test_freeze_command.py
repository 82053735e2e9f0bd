"""The freeze as a tool of its own: another plugin than ours, the same bytes anywhere, mistakes."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from browser_plugin.freeze.host import OUTSIDE
from browser_plugin.freeze.order import LONGEST, PROFILED, QUICK
from browser_plugin.freeze.tools import FreezeError, host_answers
from browser_plugin.freeze.wheel import as_wheel
from browser_plugin.page_build.places import FREEZES, PYODIDE
from tests.support.plugin import SOURCE, WORKLOAD, command, lines, surroundings, written

ASK = """
import fs from "node:fs";
import { frozenHost } from HOST;
const [folder, texts] = process.argv.slice(2);
const description = JSON.parse(fs.readFileSync(`${folder}/core.json`, "utf8"));
const module = new WebAssembly.Module(fs.readFileSync(`${folder}/${description.wasm}`));
function asked(text) {
  const host = frozenHost();
  try {
    return host.attach(new WebAssembly.Instance(module, host.imports), description, () => {}).call(text);
  } catch {
    return null;
  }
}
console.log(JSON.stringify(JSON.parse(texts).map(asked)));
"""

QUICKLY = """
from functools import partial
from browser_plugin.freeze import __main__ as command, pipeline
from browser_plugin.freeze.order import QUICK
command.frozen_once = partial(command.frozen_once, depth=QUICK)
"""
CHECKED = QUICKLY + "command.main()"
"""The freeze with fewer calls in its check: of a plugin that is shipped the build asks all of them."""
UNCHECKED = (
    QUICKLY
    + """
pipeline.check = lambda *_, **__: {"trapped": 0, "held_out": QUICK.held_out}
command.main()
"""
)
"""The freeze without its last step: what comes out of the others is the same."""


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    """A cache with nothing in it but the tools' wheels, which are not fetched again."""
    shutil.copytree(FREEZES / "tools", tmp_path / "cache" / "tools")
    return tmp_path / "cache"


@pytest.mark.long
def test_another_plugin_is_frozen_to_the_same_bytes_in_any_place_and_time(
    cache: Path, tmp_path: Path
) -> None:
    """One place has the build's cache: what an earlier run froze there has to be the same bytes, too."""
    here = written(tmp_path / "here")
    there = written(tmp_path / "a folder further" / "down" / "there")
    places = {
        here: (("-c", CHECKED), FREEZES, surroundings(TZ="UTC", LANG="C")),
        there: (
            ("-c", UNCHECKED),
            cache,
            surroundings(TZ="Asia/Kathmandu", HOME=str(there), NODE_ENV="test", LANG="C.UTF-8"),
        ),
    }
    running = [
        subprocess.Popen(
            command(folder, kept, {}, program), cwd=folder, env=env, stderr=subprocess.PIPE, text=True
        )
        for folder, (program, kept, env) in places.items()
    ]
    said = [one.communicate()[1] for one in running]
    assert [one.returncode for one in running] == [0, 0], said
    assert "7/7 done in" in said[1], "progress is shown"
    first, second = (
        {path.name: path.read_bytes() for path in (folder / "out").iterdir()} for folder in places
    )
    assert first.keys() == second.keys()
    description = json.loads(first["core.json"])
    unchecked = json.loads(second.pop("core.json"))
    assert {**description, "checked": unchecked["checked"]} == unchecked
    assert all(first[name] == data for name, data in second.items())
    assert sorted(first) == sorted(
        ["core.json", description["wheel"], *(description["wasm"] + ending for ending in ("", ".br", ".gz"))]
    )
    checked = description["checked"]
    assert checked.pop("trapped") <= QUICK.held_out // 1_000
    assert checked.pop("poisoned_trapped") <= QUICK.held_out // 1_000
    assert checked.pop("discarded") < checked["outside"]
    assert checked == {
        "calls": PROFILED + QUICK.held_out + 5,
        "held_out": QUICK.held_out,
        "repeated": QUICK.repeated,
        "outside": len(OUTSIDE) + 1,
    }
    assert f"none wrong in {QUICK.held_out} calls that no profile saw" in said[1]

    again = subprocess.run(
        command(here, FREEZES, {"out": str(here / "again")}, ("-c", CHECKED)),
        cwd=here,
        env=surroundings(),
        capture_output=True,
        text=True,
    )
    assert (again.returncode, again.stderr) == (0, ""), "what is known is not made again"
    assert (here / "again" / "core.json").read_bytes() == first["core.json"]

    program = tmp_path / "ask.mjs"
    program.write_text(ASK.replace("HOST", json.dumps((PYODIDE.parents[1] / "page" / "frozen.js").as_uri())))
    alike = ["7 \u00c4pfel", "12 apples, 340 \u82f9\u679c", "[8 apples", '{"k": [77, "8 \u00c4pfel"]}']
    texts = [*alike, '{"never": ["profiled", 0.125]}', "\u82f9\u679c"]
    told = subprocess.run(
        ["node", program, here / "out", json.dumps(texts)], capture_output=True, text=True, check=True
    )
    right = host_answers(as_wheel(here / "orders", tmp_path), "orders", "summary", texts, LONGEST)
    answers = [{"answer": answer} for answer in json.loads(told.stdout)]
    assert answers[: len(alike)] == right[: len(alike)], "calls of the workload's kinds"
    for answer, expected in zip(answers[len(alike) :], right[len(alike) :], strict=True):
        assert answer in (expected, {"answer": None}), "what is of no such kind may trap, and is never wrong"


@pytest.mark.parametrize(
    ("changed", "line"),
    [
        ({"wheel": "nowhere.whl"}, "nowhere.whl is neither a wheel nor the folder of a package"),
        ({"wheel": "workload.py"}, "workload.py is not a wheel, nor a package's folder"),
        ({"entry": "orders.summary"}, "entry 'orders.summary' is not of the form package.module:function"),
        (
            {"entry": "order:summary"},
            "this Python finds no order:summary in the wheel: ModuleNotFoundError: No module named 'order'",
        ),
        (
            {"entry": "orders:sumary"},
            "this Python finds no orders:sumary in the wheel: "
            "AttributeError: module 'orders' has no attribute 'sumary'",
        ),
        ({"entry": "orders:NUMBER"}, "orders:NUMBER gives TypeError: 'int' object is not callable, for ''"),
        (
            {"entry": "orders:LINE.findall"},
            "entry 'orders:LINE.findall' is not of the form package.module:function",
        ),
        ({"workload": "worklod"}, "workload worklod cannot be imported; name a module that can"),
        ({"pyodide": "."}, ". is not Pyodide's npm package; npm install pyodide"),
    ],
)
def test_a_mistake_is_told_in_one_line(tmp_path: Path, changed: dict[str, str], line: str) -> None:
    folder = written(tmp_path / "mine")
    assert list(lines(folder, tmp_path / "cache", changed)) == [f"freeze: {line}"]


@pytest.mark.parametrize(
    ("source", "workload", "line"),
    [
        (SOURCE, "def texts(): return []", "AttributeError: module 'workload' has no attribute 'generated'"),
        (SOURCE, WORKLOAD + "\ndef texts(): raise KeyError('mine')", "KeyError: 'mine'"),
        (SOURCE, WORKLOAD + "\ndef texts(): return [b'']", "TypeError: b'' is not a text"),
        (SOURCE, WORKLOAD + "\ndef texts(): return ['\u4e2d' * 5461]", "is longer than 16380 bytes"),
        (SOURCE, WORKLOAD + "\ndef texts(): return ['fail']", "ValueError: no such order, for 'fail'"),
        ("def summary(text): pass", WORKLOAD, "orders:summary gives no text, but None, for ''"),
        (
            "def summary(text): return '' if text else 600_000 * 'x'",
            WORKLOAD,
            "orders:summary gives an answer longer than 524288 bytes, for ''",
        ),
    ],
)
def test_a_function_or_workload_that_cannot_be_is_told(
    tmp_path: Path, source: str, workload: str, line: str
) -> None:
    folder = written(tmp_path / "mine", source, workload)
    [said] = lines(folder, tmp_path / "cache", {}, program=("-c", CHECKED))
    assert said.startswith("freeze: ")
    assert said.endswith(line)


def test_answers_too_long_together_are_told(tmp_path: Path) -> None:
    wheel = as_wheel(written(tmp_path / "mine") / "orders", tmp_path)
    texts = ["7 apples"] * 10
    said = host_answers(wheel, "orders", "summary", texts, LONGEST)
    characters = sum(len(one["answer"]) for one in said)
    assert host_answers(wheel, "orders", "summary", texts, LONGEST, characters) == said
    with pytest.raises(FreezeError, match="all answers to the workload are too long together; generate"):
        host_answers(wheel, "orders", "summary", texts, LONGEST, characters - 1)


def test_another_pyodide_is_refused(tmp_path: Path) -> None:
    folder = written(tmp_path / "mine")
    other = folder / "node_modules" / "pyodide"
    other.mkdir(parents=True)
    (other / "pyodide.asm.wasm").write_bytes(b"")
    (other / "package.json").write_text('{"version": "0.28.0"}')
    [said] = lines(folder, tmp_path / "cache", {"pyodide": str(other)})
    assert said.endswith("is Pyodide 0.28.0; only 314.x can be frozen")
    (other / "package.json").write_text('{"version": "314.0.7"}')
    [said] = lines(folder, tmp_path / "cache", {"pyodide": str(other)})
    assert "binaryen is not in" in said


@pytest.mark.parametrize(
    ("node", "line"), [("", "Node.js is missing"), ("v18.2.0", "Node v18.2.0 is too old")]
)
def test_node_is_missing_or_too_old(tmp_path: Path, node: str, line: str) -> None:
    folder = written(tmp_path / "mine")
    programs = tmp_path / "programs"
    programs.mkdir()
    if node:
        (programs / "node").write_text(f"#!/bin/sh\necho {node}\n")
        (programs / "node").chmod(0o755)
    path = f"{programs}:/bin" if node else str(programs)
    [said] = lines(folder, tmp_path / "cache", {}, surroundings(PATH=path))
    assert said == f"freeze: {line}; install Node 20 or newer"
