"""The wheel that is released: it holds what runs, works without Node, and holds no build tool."""

import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

from forwarder.javascript.packages import LIQUID, USER_AGENTS
from tests.support.processes import ROOT

BUILDING = {"checkout", "dist.py", "policy.py", "wheel.py", "freeze", "node_modules", "page"}
"""What of browser_plugin at least makes the page's files; pyproject.toml excludes these and more."""
BUILD_ONLY = ["brotli", "hatchling", "pscript"]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, as it is released."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    [built] = folder.glob("*.whl")
    return built


def test_it_holds_what_runs_and_nothing_that_builds(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    modules = {
        path.relative_to(ROOT).as_posix()
        for package in ("browser_plugin", "forwarder")
        for path in (ROOT / package).rglob("*.py")
    }
    excluded = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]
    building = tuple(excluded["wheel"]["exclude"])
    assert {f"browser_plugin/{name}" for name in BUILDING} <= set(building)
    assert {name for name in names if name.endswith(".py")} == {
        name for name in modules if not name.startswith(building)
    }
    building_too = re.compile(r"node_modules|package(-lock)?\.json|freeze|tsconfig|^(tests|web_demo|docs)/")
    assert [name for name in names if building_too.search(name)] == []


def test_every_module_of_it_can_be_imported_without_build_tools(wheel: Path, tmp_path: Path) -> None:
    """Build tools are not there for whom `pip install` gave the wheel and what it depends on."""
    script = f"""
import importlib, pathlib, sys, zipfile
sys.modules.update(dict.fromkeys({BUILD_ONLY}))  # importing one of these fails
with zipfile.ZipFile({str(wheel)!r}) as archive:
    archive.extractall({str(tmp_path)!r})
sys.path.insert(0, {str(tmp_path)!r})
for path in pathlib.Path({str(tmp_path)!r}).rglob("*.py"):
    name = ".".join(path.relative_to({str(tmp_path)!r}).with_suffix("").parts).removesuffix(".__init__")
    if not name.endswith("__main__") and not name.endswith("pytest_plugin"):
        importlib.import_module(name)
"""
    subprocess.run([sys.executable, "-c", script], cwd=tmp_path, check=True, capture_output=True)


def test_it_carries_the_packages(wheel: Path, tmp_path: Path) -> None:
    installed = tmp_path / "installed"
    zipfile.ZipFile(wheel).extractall(installed)
    script = """
from forwarder.amplitude.user_agent import parse_user_agent
from forwarder.javascript.packages import LIQUID, USER_AGENTS
from forwarder.mapping import compile_mapping
assert compile_mapping({"a": {"@liquid": "{{ b | upcase }}"}})({"b": "c"}) == {"a": "C"}
assert parse_user_agent("Mozilla/5.0 (X11; Linux x86_64; rv:153.0) Gecko/20100101 Firefox/153.0")
print(LIQUID.path, USER_AGENTS.path, sep="\\n")
"""
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=installed,
        capture_output=True,
        text=True,
        check=True,
        env={"PYTHONPATH": str(installed)},
    )
    found = [Path(line) for line in done.stdout.splitlines()]
    assert found == [installed / "forwarder" / "javascript" / one.file for one in (LIQUID, USER_AGENTS)]
