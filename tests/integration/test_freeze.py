"""A function of our own, frozen by the real tool chain and asked under Node."""

from pathlib import Path

import pytest

from browser_plugin.freeze.boot import boot
from browser_plugin.freeze.check import check
from browser_plugin.freeze.module import Module
from browser_plugin.freeze.rewrite import HOST_EXPORTS, thawless, with_memory
from browser_plugin.freeze.state import State
from browser_plugin.freeze.tools import HERE, FreezeError
from browser_plugin.freeze.wheel import as_wheel

PYODIDE = HERE.parent / "node_modules" / "pyodide"
SOURCE = '''
"""Counts words."""
from collections import Counter
UNUSED = Counter

def answer(text):
    if text == "fail":
        raise ValueError(text)
    return " ".join("%s=%d" % pair for pair in sorted(count(text).items()))

def count(text):
    found = {}
    for word in text.split():
        found[word] = found.get(word, 0) + 1
    return found
'''
TEXTS = ["", "a b a", "na\u00efve \u4e2d \u4e2d", "x " * 50]
ENTRY = ("words", "answer")


@pytest.fixture(scope="module")
def original() -> Module:
    return Module.read((PYODIDE / "pyodide.asm.wasm").read_bytes())


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    package = tmp_path_factory.mktemp("source") / "words"
    package.mkdir()
    (package / "__init__.py").write_text(SOURCE)
    return as_wheel(package, package.parent)


@pytest.fixture(scope="module")
def state(original: Module, wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> State:
    return boot(original, PYODIDE, wheel, ENTRY, TEXTS, tmp_path_factory.mktemp("boot"))


def test_the_same_inputs_give_the_same_state(
    original: Module, wheel: Path, state: State, tmp_path: Path
) -> None:
    assert boot(original, PYODIDE, wheel, ENTRY, TEXTS, tmp_path) == state


def test_a_wheel_has_the_same_bytes_every_time(wheel: Path, tmp_path: Path) -> None:
    package = wheel.parent / "words"
    assert as_wheel(package, tmp_path).read_bytes() == wheel.read_bytes()
    assert as_wheel(wheel, tmp_path) == wheel


def test_a_whole_module_answers_as_this_python_does(
    original: Module, wheel: Path, state: State, tmp_path: Path
) -> None:
    wasm = with_memory(thawless(original, state, HOST_EXPORTS), state.memory).write()
    counts = check(wasm, None, state, wheel, ENTRY, TEXTS, tmp_path, repeated=2000)
    assert counts["calls"] == len(TEXTS)


def test_a_wrong_answer_fails_the_check(original: Module, wheel: Path, state: State, tmp_path: Path) -> None:
    package = tmp_path / "words"
    package.mkdir()
    (package / "__init__.py").write_text(SOURCE.replace('"%s=%d"', '"%s:%d"'))
    other = as_wheel(package, tmp_path)
    wasm = with_memory(thawless(original, state, HOST_EXPORTS), state.memory).write()
    with pytest.raises(FreezeError, match="answers 'a=2 b=1' to 'a b a', the host's Python 'a:2 b:1'"):
        check(wasm, None, state, other, ENTRY, TEXTS, tmp_path, repeated=1)


def test_an_exception_in_this_python_is_told(
    original: Module, wheel: Path, state: State, tmp_path: Path
) -> None:
    wasm = with_memory(thawless(original, state, HOST_EXPORTS), state.memory).write()
    with pytest.raises(FreezeError, match="ValueError: fail"):
        check(wasm, None, state, wheel, ENTRY, ["fail"], tmp_path, repeated=1)


def test_what_fails_at_import_is_told(original: Module, tmp_path: Path) -> None:
    package = tmp_path / "broken"
    package.mkdir()
    (package / "__init__.py").write_text("import nothing_of_this_name\n")
    wheel = as_wheel(package, tmp_path)
    with pytest.raises(FreezeError, match="nothing_of_this_name"):
        boot(original, PYODIDE, wheel, ("broken", "answer"), TEXTS, tmp_path)
