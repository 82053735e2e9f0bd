"""What the READMEs say is so: commands exist, settings and outcomes are all there, links lead somewhere."""

import json
import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path

import click
import pytest

from browser_plugin.settings import TABLE
from forwarder import cli, metrics
from forwarder.config.load import parse_settings
from forwarder.distribution import Distribution
from forwarder.http import metrics as ingest_metrics
from forwarder.outcomes import Outcome
from forwarder.tally import Tally
from tests.support.processes import ROOT

READMES = [
    ROOT / "README.md",
    *sorted(ROOT.glob("browser_plugin/**/README.md")),
    ROOT / "forwarder/README.md",
]
READMES = [path for path in READMES if "node_modules" not in path.parts]
PAGES = [
    path
    for path in sorted((ROOT / "docs").rglob("*.md"))
    if path.parent.name not in ("reference", "decisions")
]
MAIN, PLUGIN, FORWARDER = ROOT / "README.md", ROOT / "browser_plugin/README.md", ROOT / "forwarder/README.md"


def blocks(path: Path, language: str) -> list[str]:
    """Return the fenced blocks of one language."""
    return re.findall(rf"^```{language}\n(.*?)^```", path.read_text(), re.MULTILINE | re.DOTALL)


def commands(start: str) -> list[list[str]]:
    """Return every command of READMEs' and pages' shell blocks and inline code that begins with ``start``."""
    found = []
    for path in (*READMES, *PAGES, ROOT / "CONTRIBUTING.md"):
        inline = re.findall(r"`([^`\n]+)`", path.read_text())
        lines = [line for block in blocks(path, "sh") for line in block.splitlines()]
        for line in (*lines, *inline):
            words = shlex.split(line, comments=True)
            while words and re.fullmatch(r"[A-Z_]+=.*", words[0]):
                del words[0]
            text = " ".join(words)
            if text.startswith(start):
                found.append(words[len(start.split()) :])
    assert found, start
    return found


def rows(path: Path, heading: str) -> list[list[str]]:
    """Return the cells of the first table under a heading."""
    part = path.read_text().partition(f"\n## {heading}\n")[2]
    table = re.search(r"(?:^\|.*\n)+", part, re.MULTILINE)
    assert table, heading
    return [[cell.strip() for cell in line.strip("|\n").split(" | ")] for line in table[0].splitlines()[2:]]


@pytest.mark.parametrize("words", commands("python3 build.py"), ids=" ".join)
def test_build_commands_exist(words: list[str]) -> None:
    said = subprocess.run(
        [sys.executable, "build.py", words[0], "--help"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    for option in words[1:]:
        if option.startswith("--"):
            assert option in said
    if choices := re.search(r"\{([\w,]+)\}", said):
        of_these = [word for word in words[1:2] if word.islower() and not word.startswith("-")]
        assert set(of_these) <= set(choices[1].split(",")), "build.py refuses the word"


@pytest.mark.parametrize("words", commands(".venv/bin/forwarder") + commands("forwarder "), ids=" ".join)
def test_forwarder_commands_are_understood(
    words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = words[: words.index("<")] if "<" in words else words
    monkeypatch.chdir(tmp_path)  # where the reader has the files that are named
    for word in words:
        if "://" in word:
            continue
        if word.endswith("/"):
            Path(word).mkdir()
        elif word.endswith((".json", ".jsonl")):
            Path(word).write_text("{}")
    command: click.Command = cli.cli
    while isinstance(command, click.Group) and words:
        found = command.get_command(click.Context(command), words[0])
        assert found is not None, words
        command, words = found, words[1:]
    if not words and (isinstance(command, click.Group) or any(one.required for one in command.params)):
        return  # the command alone is spoken of
    command.make_context("forwarder", list(words), resilient_parsing=False).close()


def test_every_setting_of_the_plugin_is_documented() -> None:
    documented = {name.strip("`"): default.strip("`") for name, default, _ in rows(PLUGIN, "Settings")}
    expected = {}
    for one in TABLE:
        default = one.default
        if isinstance(default, tuple):
            default = " ".join(default)
        expected[one.page] = json.dumps(default) if isinstance(default, bool) else str(default)
    assert documented == expected
    text = PLUGIN.read_text()
    for one in TABLE:
        assert not one.segment or f"`{one.segment}`" in text
        assert all(re.search(rf"[` ]{choice}[` ]", text) for choice in one.choices), one.choices


def test_every_member_of_the_pages_object_is_documented() -> None:
    text = PLUGIN.read_text()
    types = (ROOT / "browser_plugin/page/session-plugin.d.ts").read_text()
    body = types.partition("interface AnalyticsSession {")[2].partition("\n}")[0]
    members = re.findall(r"^  (?:readonly )?(\w+)[:(]", body, re.MULTILINE)
    assert "explain" in members
    for member in members:
        assert f".{member}" in text, member


def test_every_outcome_is_documented() -> None:
    assert {row[0].strip("`") for row in rows(FORWARDER, "What becomes of an event")} == set(Outcome)


def test_every_metric_is_documented() -> None:
    documented = set(re.findall(r"`(forwarder_\w+)`", FORWARDER.read_text()))
    there = {
        family.name + ("_total" if family.type == "counter" else "")  # as it is scraped
        for module in (metrics, ingest_metrics)
        for metric in vars(module).values()
        if isinstance(metric, Tally | Distribution)
        for family in metric.describe()
    }
    assert documented == there


@pytest.mark.parametrize("block", blocks(FORWARDER, "toml"))
def test_the_shown_configuration_can_be_used(block: str, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("s")
    (tmp_path / "subscriptions.json").write_text("[]")
    raw = tomllib.loads(block.replace("/run/secrets/amplitude", str(secret)))
    environment = {"AMPLITUDE_API_KEY": "k", "OPERATOR_TOKEN": "t" * 16, "NATS_TOKEN": "n"}
    parse_settings(raw, environment, tmp_path)


@pytest.mark.parametrize("path", READMES, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(path: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", path.read_text()):
        assert (path.parent / target).exists(), target


def test_the_files_that_are_spoken_of_exist() -> None:
    there = {"session-plugin.js", "session-plugin.mjs", "forwarder.toml"}  # built, or the reader's
    for folder in (
        ".",
        "browser_plugin",
        "browser_plugin/page",
        "browser_plugin/freeze",
        "forwarder",
        "tests/browser",
    ):
        there |= {path.name for path in (ROOT / folder).iterdir()}
    for path in READMES:
        for name in re.findall(r"`(?:\w+/)*([\w-]+\.(?:py|js|mjs|toml|d\.ts))`", path.read_text()):
            assert name in there, name
