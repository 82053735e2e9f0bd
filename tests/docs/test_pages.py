"""What docs/ says is so: names are in the code, options and metrics exist, links lead to headings."""

import os
import re
import subprocess
import sys
import tomllib
from functools import cache
from pathlib import Path

import click
import pytest

from forwarder import cli, metrics
from forwarder.config.load import parse_settings
from forwarder.distribution import Distribution
from forwarder.http import metrics as ingest_metrics
from forwarder.tally import Tally
from tests.support.processes import ROOT

DOCS = ROOT / "docs"
PAGES = sorted(DOCS.rglob("*.md"))
WRITTEN = [
    path
    for path in PAGES
    if path.parent.name not in ("reference", "decisions")
    and path.name not in ("architecture.md", "glossary.md")
]
"""Pages for users, written by hand."""
OTHERS = {
    *(
        "cdnHost",
        "cdnProxy",
        "apiHost",
        "cdnURL",
        "tag",
        "nats",
        "AnalyticsBrowser",
        "initialize",
        "myAnalytics",
    ),
    *(
        "actionSlug",
        "segment_destination_subscription",
        "reverse_etl_schedule",
        "session_start",
        "session_end",
        "session_ended",
    ),
    *("groupId", "previousId", "configUrl", "controlPlaneUrl"),
}
"""Names of Segment's and others' libraries and exports."""
LATER: set[str] = set()
"""Pages that are not in the site's navigation yet."""
SOURCES = ("forwarder", "browser_plugin", "web_demo", "build.py", "pyproject.toml")
ENDINGS = {".py", ".js", ".mjs", ".ts", ".toml", ".html", ".json"}

pytestmark = pytest.mark.docs


def prose(path: Path) -> str:
    """Return a page without its fenced blocks."""
    return re.sub(r"^```.*?^```", "", path.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)


def codes(path: Path) -> list[str]:
    """Return a page's inline code."""
    return re.findall(r"`([^`\n]+)`", prose(path))


@cache
def vocabulary() -> frozenset[str]:
    """Return every word that the project's sources hold."""
    words: set[str] = set(OTHERS)
    for name in SOURCES:
        place = ROOT / name
        files = [place] if place.is_file() else [one for one in place.rglob("*") if one.suffix in ENDINGS]
        for file in files:
            if "node_modules" not in file.parts:
                words.update(
                    re.findall(r"[A-Za-z_$][\w$]*", file.read_text(encoding="utf-8", errors="ignore"))
                )
    return frozenset(words)


@cache
def options() -> frozenset[str]:
    """Return every option of the command line and of build.py."""
    programs = [ROOT / "build.py", ROOT / "browser_plugin" / "owner_freeze" / "page.py"]
    found = {
        one for path in programs for one in re.findall(r'"(--[a-z-]+)"', path.read_text(encoding="utf-8"))
    }
    waiting: list[click.Command] = [cli.cli]
    while waiting:
        command = waiting.pop()
        found |= {one for option in command.params for one in (*option.opts, *option.secondary_opts)}
        if isinstance(command, click.Group):
            waiting += command.commands.values()
    return frozenset({*found, "--help"})


@cache
def scraped() -> frozenset[str]:
    """Return every metric's name as it is scraped."""
    endings = {"counter": ("_total",), "gauge": ("",), "histogram": ("_bucket", "_sum", "_count", "")}
    return frozenset(
        family.name + ending
        for module in (metrics, ingest_metrics)
        for metric in vars(module).values()
        if isinstance(metric, Tally | Distribution)
        for family in metric.describe()
        for ending in endings[family.type]
    )


def unknown_in(texts: list[str]) -> list[str]:
    """Return the names in inline code that nothing in the project has."""
    wrong: list[str] = []
    for text in texts:
        if text.startswith(("http", "Mozilla", "https")) or (ROOT / text).exists():
            continue
        wrong += [one for one in re.findall(r"(?<![\w-])--[a-z][a-z-]*", text) if one not in options()]
        wrong += [one for one in re.findall(r"\bforwarder_[a-z_]+", text) if one not in scraped()]
        for word in re.findall(r"[A-Za-z_][\w$]*", text.replace("data-", "")):
            named = "_" in word.strip("_") or re.search(r"[a-z][A-Z]", word)
            if named and word not in vocabulary() and not word.startswith("forwarder_"):
                wrong.append(word)
    return wrong


@pytest.mark.parametrize("path", WRITTEN, ids=lambda path: str(path.relative_to(DOCS)))
def test_what_a_page_names_is_there(path: Path) -> None:
    assert unknown_in(codes(path)) == []


def test_what_is_made_up_is_found() -> None:
    made_up = [
        "forwarder plan --expect",
        "`no_such_setting`",
        "forwarder_never_total",
        "sessionLenght",
        "data-x",
    ]
    assert unknown_in(made_up) == ["--expect", "no_such_setting", "forwarder_never_total", "sessionLenght"]
    assert (
        unknown_in(["forwarder plan --explain", "public_url", "forwarder_spool_events", "sessionLength"])
        == []
    )


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(DOCS)))
def test_links_lead_somewhere(path: Path) -> None:
    for target, _, anchor in re.findall(r"\]\(([^)#\s]*)(#([^)\s]+))?\)", prose(path)):
        if target.startswith(("http://", "https://")):
            continue
        to = (path.parent / target).resolve() if target else path
        assert to.exists(), target
        if anchor:
            headings = re.findall(r"^#+ (.+)$", to.read_text(encoding="utf-8"), re.MULTILINE)
            assert anchor in {slug(one) for one in headings}, anchor


def slug(heading: str) -> str:
    """Return what a link to a heading ends with."""
    return re.sub(r"[\s]+", "-", re.sub(r"[^\w\s-]", "", heading).strip().lower())


TOML = [
    pytest.param(block, id=f"{page.name}-{number}")
    for page in WRITTEN
    for number, block in enumerate(
        re.findall(r"^```toml\n(.*?)^```", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    )
]


@pytest.mark.parametrize("block", TOML)
def test_the_shown_configuration_can_be_used(block: str, tmp_path: Path) -> None:
    for name in re.findall(r'"([\w/-]+\.py)"', block):
        (tmp_path / name).write_text("def enrich(event, page):\n    return event\n")
    environment = {"AMPLITUDE_API_KEY": "k", "OPERATOR_TOKEN": "t" * 16, "NATS_TOKEN": "n"}
    if block.startswith("[sources."):
        block = f'[[sources]]\nname = "web"\nwrite_key = "demo"\n{block}'
    parse_settings(tomllib.loads(block), environment, tmp_path)


def test_every_page_is_in_the_navigation() -> None:
    nav = (ROOT / "mkdocs.yml").read_text(encoding="utf-8").partition("\nnav:\n")[2]
    assert {str(page.relative_to(DOCS)) for page in PAGES} - LATER == set(
        re.findall(r"[\w/-]+\.md", nav)
    ) - LATER


def test_the_site_is_built_without_a_warning(tmp_path: Path) -> None:
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "mkdocs",
            "build",
            "--strict",
            "--quiet",
            "--site-dir",
            str(tmp_path / "site"),
        ],
        cwd=ROOT,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "site" / "reference" / "actions.html").is_file()
