"""A release agrees with itself: one version, a section in the change log, notices of what is given out."""

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from browser_plugin.freeze.order import FULL, QUICK
from browser_plugin.release import checksums, given_out, problems
from tests.support.processes import ROOT

VERSION = "9.8.7"
WHEEL, TARBALL = (
    f"amplitude_session_forwarder-{VERSION}-py3-none-any.whl",
    f"amplitude-session-plugin-{VERSION}.tgz",
)


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A made-up checkout whose parts agree, with this one's notices and lock files."""
    for name in (
        "THIRD_PARTY_NOTICES.md",
        "browser_plugin/package-lock.json",
        "browser_plugin/freeze/requirements.lock",
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    for folder in ("dist/page", "deploy/kubernetes", "docs"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "pyproject.toml").write_text(f'[project]\nversion = "{VERSION}"\n')
    (tmp_path / "CHANGELOG.md").write_text(
        f"# Changelog\n\n## Unreleased\n\n## {VERSION} (today)\n\n- New.\n\n## 0.1.0\n\nOld.\n"
    )
    (tmp_path / "deploy/kubernetes/one.yaml").write_text(f"image: amplitude-session-forwarder:{VERSION}\n")
    (tmp_path / "docs/production.md").write_text(f"pip install {WHEEL}\n")
    (tmp_path / "dist" / WHEEL).write_text("wheel")
    (tmp_path / "dist" / TARBALL).write_text("tarball")
    manifest(tmp_path, VERSION)
    checked(tmp_path, FULL.held_out)
    return tmp_path


def manifest(checkout: Path, version: str) -> None:
    text = json.dumps({"version": version, "files": {"core.json": {}}})
    (checkout / "dist/page/manifest.json").write_text(text)


def checked(checkout: Path, held_out: int) -> None:
    (checkout / "dist/page/core.json").write_text(json.dumps({"checked": {"held_out": held_out}}))


def replaced(name: str, old: str, new: str) -> Callable[[Path], None]:
    def change(checkout: Path) -> None:
        text = (checkout / name).read_text()
        assert old in text
        (checkout / name).write_text(text.replace(old, new))

    return change


def removed(name: str) -> Callable[[Path], None]:
    return lambda checkout: (checkout / name).unlink()


def test_parts_that_agree_are_a_release(checkout: Path) -> None:
    assert list(problems(checkout)) == []
    assert checksums(checkout / "dist") == "".join(
        f"{hashlib.sha256(text).hexdigest()}  {name}\n"
        for name, text in ((TARBALL, b"tarball"), (WHEEL, b"wheel"))
    )


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (
            replaced("CHANGELOG.md", "## Unreleased\n", "## Unreleased\n\n- More.\n"),
            "first section is Unreleased, not 9.8.7",
        ),
        (replaced("CHANGELOG.md", f"## {VERSION}", "## 9.8.6"), "first section is 9.8.6, not 9.8.7"),
        (replaced("THIRD_PARTY_NOTICES.md", "| 314.", "| 313."), "pyodide is 314."),
        (replaced("THIRD_PARTY_NOTICES.md", "| liquidjs |", "| solidjs |"), "and the notices say nothing"),
        (
            replaced("deploy/kubernetes/one.yaml", VERSION, "9.8.6"),
            "deploy/kubernetes/one.yaml: names version 9.8.6",
        ),
        (
            replaced("docs/production.md", VERSION, "9.8.6"),
            "docs/production.md: names the wheel of version 9.8.6",
        ),
        (removed(f"dist/{WHEEL}"), f"dist/{WHEEL} is missing; run: python3 build.py build"),
        (removed(f"dist/{TARBALL}"), f"dist/{TARBALL} is missing"),
        (lambda checkout: manifest(checkout, "9.8.6"), "dist/page/manifest.json is of version 9.8.6"),
        (
            replaced("dist/page/manifest.json", '"core.json"', '"later.js"'),
            "dist/page/later.js is missing",
        ),
        (
            lambda checkout: checked(checkout, QUICK.held_out),
            "was asked 2000 calls only; run: python3 build.py build",
        ),
    ],
)
def test_what_does_not_agree_is_told(checkout: Path, change: Callable[[Path], None], says: str) -> None:
    change(checkout)
    [problem] = problems(checkout)
    assert says in problem


def test_notices_name_all_that_is_given_out() -> None:
    assert all(given_out(ROOT).values())
    text = (ROOT / "THIRD_PARTY_NOTICES.md").read_text()
    from hatch_build import FILES

    for file in FILES:
        assert f"forwarder/javascript/{Path(file).name}" in text
    assert "core-*.wasm" in text
    assert "analytics.js/" in text
