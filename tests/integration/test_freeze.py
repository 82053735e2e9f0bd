"""A function of our own, frozen by the real tool chain and asked under Node."""

import subprocess
import zipfile
from pathlib import Path

import pytest

from browser_plugin import dist
from browser_plugin.freeze.boot import boot
from browser_plugin.freeze.check import check
from browser_plugin.freeze.host import Host
from browser_plugin.freeze.install import installed
from browser_plugin.freeze.memory import POISON, tight
from browser_plugin.freeze.module import Module
from browser_plugin.freeze.order import Order
from browser_plugin.freeze.profile import run
from browser_plugin.freeze.rewrite import HOST_EXPORTS, thawless, with_memory
from browser_plugin.freeze.state import State
from browser_plugin.freeze.tools import FreezeError
from browser_plugin.freeze.watch import SHADOW, watched
from browser_plugin.freeze.wheel import as_wheel
from browser_plugin.page_build import making
from browser_plugin.page_build.places import FREEZES, MODULES, PYODIDE

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
METADATA = "Metadata-Version: 2.1\nName: words\nVersion: 0\n"
TEXTS = ["", "a b a", "na\u00efve \u4e2d \u4e2d", "x " * 50]
ENTRY = ("words", "answer")


@pytest.fixture(scope="module")
def original() -> Module:
    return Module.read((PYODIDE / "pyodide.asm.wasm").read_bytes())


def packed(folder: Path, source: str) -> Path:
    """Return a wheel of one package, ``words``."""
    package = folder / "words"
    package.mkdir()
    (package / "__init__.py").write_text(source)
    return as_wheel(package, folder)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return packed(tmp_path_factory.mktemp("source"), SOURCE)


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


@pytest.fixture(scope="module")
def whole(original: Module, state: State) -> bytes:
    return with_memory(thawless(original, state, HOST_EXPORTS), state.memory).write()


def test_a_whole_module_answers_as_this_python_does(
    whole: bytes, wheel: Path, state: State, tmp_path: Path
) -> None:
    counts = check(whole, None, state.description(), Host.ask(wheel, ENTRY, TEXTS), tmp_path, repeated=2000)
    assert counts["calls"] == len(TEXTS)


def test_a_wrong_answer_fails_the_check(whole: bytes, wheel: Path, state: State, tmp_path: Path) -> None:
    other = packed(tmp_path, SOURCE.replace('"%s=%d"', '"%s:%d"'))
    with pytest.raises(FreezeError, match="answers 'a=2 b=1' to 'a b a', the host's Python 'a:2 b:1'"):
        check(whole, None, state.description(), Host.ask(other, ENTRY, TEXTS), tmp_path, repeated=1)


def test_a_poisoned_module_that_fails_is_told(
    whole: bytes, wheel: Path, state: State, original: Module, tmp_path: Path
) -> None:
    nothing_kept = tight(state, bytes(len(state.memory)), POISON)
    poisoned = with_memory(thawless(original, state, HOST_EXPORTS), nothing_kept).write()
    with pytest.raises(
        FreezeError, match=r'the poisoned module ends in R\w+Error: .*, asked ""; if it takes'
    ):
        check(whole, poisoned, state.description(), Host.ask(wheel, ENTRY, TEXTS), tmp_path, repeated=1)


def test_a_poisoned_module_that_always_traps_says_nothing(
    whole: bytes, wheel: Path, state: State, original: Module, tmp_path: Path
) -> None:
    nothing_kept = tight(state, bytes(len(state.memory)), POISON)
    poisoned = with_memory(thawless(original, state, HOST_EXPORTS), nothing_kept).write()
    host = Host.ask(wheel, ENTRY, TEXTS)
    traps = f"{len(TEXTS)} of {len(TEXTS)} calls that no profile saw trap in the poisoned module"
    with pytest.raises(FreezeError, match=traps):
        check(whole, poisoned, state.description(), host, tmp_path, repeated=0, seen=0)


def test_memory_that_grows_fails_the_check(original: Module, tmp_path: Path) -> None:
    keeps = "KEPT = []\ndef answer(text):\n    KEPT.append(text * 10_000)\n    return text\n"
    wheel = packed(tmp_path, keeps)
    grows = boot(original, PYODIDE, wheel, ENTRY, ["a"], tmp_path)
    wasm = with_memory(thawless(original, grows, HOST_EXPORTS), grows.memory).write()
    with pytest.raises(FreezeError, match=r"memory grew by \d+ bytes during 2000 calls"):
        check(wasm, None, grows.description(), Host.ask(wheel, ENTRY, ["abc"]), tmp_path, repeated=2_000)


WATCHED = """
(module
  (memory (export "memory") 64)
  (data (i32.const 1024) "\\07")
  (data (i32.const 1056) "abc")
  (func (export "PyObject_CallOneArg") (param $entry i32) (param $first i32) (result i32)
    (i32.store (i32.const 1024) (i32.sub (i32.load (i32.const 1024)) (i32.const 1)))
    (i32.store (i32.const 1040) (i32.const 5))
    (drop (i32.load (i32.const 1040)))
    (if (i32.eq (local.get $first) (i32.const 97))
      (then (i32.store (i32.const 1072) (i32.const 5)))
      (else (drop (i32.load (i32.const 1072)))))
    (i64.store offset=100 (i32.const 1000) (i64.const 5))
    (drop (i64.load8_u (i32.const 1107)))
    (i64.store16 (i32.const 1120) (i64.load16_s offset=18 (i32.const 1110)))
    (f64.store (i32.const 1136) (f64.promote_f32 (f32.load (i32.const 1144))))
    (memory.copy (i32.const 1152) (i32.const 1155) (i32.const 7))
    (memory.fill (i32.const 1168) (i32.const 1) (i32.const 9))
    (memory.copy (i32.const 1184) (i32.const 1170) (i32.const 0))
    (drop (i64.load (i32.const 1173)))
    (i32.ne (memory.size) (i32.const 64))
    (if (then (unreachable)))
    (i32.const 1))
  (func (export "PyUnicode_FromStringAndSize") (param $at i32) (param $size i32) (result i32)
    (i32.load8_u (local.get $at)))
  (func (export "PyUnicode_AsUTF8AndSize") (param $text i32) (param $size i32) (result i32)
    (i32.store (local.get $size) (i32.const 3))
    (i32.const 1056))
  (func $malloc (export "malloc") (param $size i32) (result i32)
    (select (i32.const 0) (i32.const 65536) (i32.gt_s (local.get $size) (i32.const 0x40000000))))
  (export "PyObject_Malloc" (func $malloc))
  (func $realloc (export "emscripten_builtin_realloc") (param i32 i32) (result i32) (local.get 0))
  (export "PyObject_Realloc" (func $realloc))
  (export "PyObject_GetAttrString" (func $realloc))
  (func $free (export "free") (param i32))
  (export "PyObject_Free" (func $free))
  (export "Py_DecRef" (func $free))
  (func (export "PyErr_Print"))
  (func (export "PyRun_SimpleString") (param i32) (result i32) (i32.const 0))
  (func $same (export "PyImport_AddModule") (param i32) (result i32) (local.get 0))
  (export "PyObject_CallNoArgs" (func $same)))
"""
"""An interpreter for the profile: its function counts down at 1024, writes 1040 before it reads it, and reads
1072 unless an earlier call, "a", has written it; its answer is the text at 1056. From 1100 on it takes other
sizes and kinds of access."""
BUFFER = 2048


def test_the_profile_sees_what_is_read_before_it_is_written(tmp_path: Path) -> None:
    text, plain, target = (tmp_path / name for name in ("plain.wat", "plain.wasm", "watched.wasm"))
    text.write_text(WATCHED)
    assembler = MODULES / "binaryen" / "bin" / "wasm-as"
    subprocess.run(["node", assembler, "--enable-bulk-memory", text, "-o", plain], check=True)
    target.write_bytes(watched(Module.read(plain.read_bytes())).write())
    state = State(b"", 1, BUFFER, 64, [], {}, [], [], {}, 0, 0)
    record = run(target, state, ["a", "b"], tmp_path, shadow=SHADOW)
    updated, host_reads, after_another_call = range(1024, 1028), range(1056, 1059), range(1072, 1076)
    first_byte = [BUFFER + 4]
    other_kinds = [*range(1128, 1130), *range(1144, 1148), *range(1155, 1162), *range(1177, 1181)]
    expected = {*updated, *host_reads, *after_another_call, *first_byte, *other_kinds}
    assert {at for at, byte in enumerate(record) if byte} == expected


@pytest.mark.parametrize(
    ("source", "line"),
    [
        (
            "import nothing_of_this_name",
            "module words cannot be imported: ModuleNotFoundError: No module named",
        ),
        ("answer = 5", "words:answer is not a function"),
        ("def answer(text): raise ValueError(text)", 'words:answer fails on "a b a": ValueError: a b a'),
        ("def answer(text): return 5", 'words:answer gives no text for "a b a": TypeError: '),
    ],
)
def test_what_fails_in_the_interpreter_is_told_in_one_line(
    original: Module, tmp_path: Path, source: str, line: str
) -> None:
    wheel = packed(tmp_path, source)
    with pytest.raises(FreezeError) as told:
        boot(original, PYODIDE, wheel, ENTRY, TEXTS[1:], tmp_path)
    assert str(told.value).startswith(line)
    assert "\n" not in str(told.value)


def test_a_wheel_is_compiled_and_installed_by_the_interpreters_own_tools(wheel: Path, tmp_path: Path) -> None:
    compiled = installed(wheel, PYODIDE, FREEZES, tmp_path)
    assert compiled.name == "words-0-cp314-none-any.whl"
    with zipfile.ZipFile(compiled) as archive:
        assert archive.namelist()[0] == "words/__init__.pyc"
        assert {one.date_time for one in archive.infolist()} == {(2023, 11, 14, 22, 13, 20)}


@pytest.mark.parametrize(
    ("extra", "line"),
    [
        (
            {"words/new.py": "type Text = str\nprint 'x'\n"},
            "words/new.py, line 2: SyntaxError: Missing parentheses in call to 'print'.",
        ),
        (
            {"words-0.dist-info/METADATA": f"{METADATA}Requires-Dist: nothing-of-this-name\n"},
            "nothing-of-this-name",
        ),
    ],
)
def test_a_wheel_that_would_not_install_in_a_page_fails_the_build(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    extra: dict[str, str],
    line: str,
) -> None:
    wheel = packed(tmp_path, SOURCE)
    with zipfile.ZipFile(wheel) as archive:
        files = {name: archive.read(name).decode() for name in archive.namelist()}
    with zipfile.ZipFile(wheel, "w") as archive:
        for name, data in {**files, **extra}.items():
            archive.writestr(name, data)
    workload = "browser_plugin.freeze.workload"
    monkeypatch.setattr(making, "order", lambda level: Order(wheel, "words:answer", workload, PYODIDE, level))
    monkeypatch.setattr(dist, "ROOT", tmp_path)
    monkeypatch.setattr(dist, "CACHE", tmp_path)
    monkeypatch.setattr(dist, "fingerprint", lambda: "another")
    monkeypatch.setattr("sys.argv", ["dist", "--quick"])
    with pytest.raises(SystemExit):
        dist.main()
    last = capsys.readouterr().err.splitlines()[-1]
    assert last.startswith("build: words-0-py3-none-any.whl cannot be installed in Pyodide: ")
    assert line in last
