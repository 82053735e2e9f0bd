"""``build.py mutants`` changes what it should, leaves out what it says, and counts right."""

import ast
import re
import sys
from functools import cache
from pathlib import Path
from types import ModuleType

import pytest

from tests.mutants import Tally, changes_in, equivalents
from tests.mutation.changes import Change
from tests.support.processes import ROOT


def changes(folder: Path, text: str) -> list[Change]:
    (folder / "made_up.py").write_text(text)
    return changes_in(folder, ["made_up.py"], folder)


def differences(folder: Path, *lines: str) -> list[str]:
    body = "".join(f"    {line}\n" for line in lines)
    return [change.difference for change in changes(folder, f"def made_up(one, two):\n{body}")]


@pytest.mark.parametrize(
    "line",
    [
        'log.error("gone", why=1 + one)',
        'self._log.warning("gone", 5)',
        'raise ValueError("the key is wrong")',
        'raise ValueError(f"{one} is wrong, {two + 1} is right")',
        "assert one > 5",
        "pass",
    ],
)
def test_what_no_user_would_meet_is_left_out(tmp_path: Path, line: str) -> None:
    assert differences(tmp_path, line) == []


@pytest.mark.parametrize(
    ("line", "left"),
    [
        ('return cast("int", one)', {'cast("int", None)'}),
        ("return zip(one, two, strict=True)", {"zip(None, two, strict=True)", "zip(two, strict=True)"}),
        (
            'return one.execute("SELECT a FROM b")',
            {'one.execute("XXSELECT a FROM bXX")', "one.execute(None)"},
        ),
        ('return one.encode("utf-8")', {'one.encode("XXutf-8XX")', "one.encode(None)"}),
        ('raise SpoolFull("full", "no room left")', {'raise SpoolFull("FULL", "no room left")'}),
        ("return Thread(target=one, name=two)", {"Thread(target=None, name=two)", "Thread(name=two)"}),
        ('return error(404, "gone", "it is gone")', {'error(405, "gone", "it is gone")'}),
        ("return one > 5 and log.error", {"one >= 5 and log.error", "one > 6 and log.error"}),
    ],
)
def test_what_stands_beside_it_is_not(tmp_path: Path, line: str, left: set[str]) -> None:
    found = [said.partition("\n+ ")[2].removeprefix("return ") for said in differences(tmp_path, line)]
    assert left <= set(found)
    for word in (
        "SELECT A",
        "select a",
        "UTF-8",
        "strict=False",
        "strict=None",
        "name=None",
        "XXintXX",
        "IT IS",
        '"gone", None',
    ):
        assert not any(word in said for said in found)


def test_a_change_takes_the_place_of_its_function(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = "class One:\n    def two(self, three=1):\n        return three + 1\n"
    module = ModuleType("made_up")
    exec(text, vars(module))
    monkeypatch.setitem(sys.modules, "made_up", module)
    values = {}
    for change in changes(tmp_path, text):
        monkeypatch.setattr(module.One.two, "__code__", module.One.two.__code__)
        monkeypatch.setattr(module.One.two, "__defaults__", module.One.two.__defaults__)
        change.apply()
        assert change.name == "made_up.One.two"
        values[change.difference.partition("\n+ ")[2]] = module.One().two()
        monkeypatch.undo()
        monkeypatch.setitem(sys.modules, "made_up", module)
    assert values == {
        "def two(self, three=2):": 3,
        "return three - 1": 0,
        "return three + 2": 3,
    }


def test_what_no_test_notices_is_counted_and_known_survivors_are_not(tmp_path: Path) -> None:
    every = changes(tmp_path, "def made_up(one):\n    return one + 5 if one < 2 else -one\n")
    known = [
        {"function": "made_up.made_up", "change": every[0].difference, "reason": "-"},
        {"function": "made_up.made_up", "change": every[1].difference, "reason": "-"},
        {"function": "made_up.gone", "change": every[1].difference, "reason": "-"},
        {"function": "made_up.made_up", "change": every[4].difference, "reason": "not asked about yet"},
    ]
    tally = Tally(known)
    said = ["no tests", "killed", "killed (time)", "survived", "not asked"]
    for change, verdict in zip(every, said, strict=False):
        tally.add(change, verdict)
    expected = "25.0 % of 4 not noticed (1 equivalent, 1 killed, 1 killed (time), 1 not asked, 1 survived)"
    assert tally.lines() == [f"made_up.py: {expected}", f"all: {expected}"]
    assert tally.left == [every[3]]
    assert [line.split(": ")[-2] for line in tally.stale("")] == ["made_up.made_up", "made_up.gone"]
    assert [line.split(": ")[-2] for line in tally.stale("made")] == ["made_up.made_up"]


def test_what_is_told_as_equivalent_is_about_the_code_as_it_is() -> None:
    """Else it is about a line that has been written anew, and hides that nobody has looked at that one."""
    gone = [one["function"] for one in equivalents() if not _is_in_the_code(one["function"], one["change"])]
    assert gone == []


def _is_in_the_code(function: str, change: str) -> bool:
    """Tell whether the function has the lines that a change takes out. A remark may be beside its text."""
    parts = function.split(".")
    for count in range(len(parts) - 1, 0, -1):
        module = "/".join(parts[:count])
        for path in (ROOT / f"{module}.py", ROOT / module / "__init__.py"):
            if path.is_file():
                text = _text_of(path, parts[count:])
                lines = [
                    _bare(line[2:].partition("  #")[0])
                    for line in change.splitlines()
                    if line.startswith("- ")
                ]
                return bool(text) and all(line in text for line in lines)
    return False


@cache
def _parsed(path: Path) -> tuple[str, ast.Module]:
    source = path.read_text("utf-8")
    return source, ast.parse(source)


def _text_of(path: Path, names: list[str]) -> str:
    """Return the bare text of a function or a method, empty where there is none."""
    source, found = _parsed(path)
    nodes, body = list[ast.stmt](), found.body
    for name in names:
        nodes = [one for one in body if getattr(one, "name", "") == name]
        if not nodes:
            return ""
        body = getattr(nodes[-1], "body", [])
    return _bare("".join(ast.get_source_segment(source, one) or "" for one in nodes))


def _bare(text: str) -> str:
    return re.sub(r"\s+", "", text)
