"""Marks every test with its level, the folder it lies in; names the browsers; prints hypothesis' seed."""

import random
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest

from tests.support.nats import Nats, nats_server

LEVELS = {"unit", "property", "vectors", "contract", "integration", "browser", "docs"}


# Examples may take their time: the first one starts an engine, and other programs use the machine, too.
hypothesis.settings.register_profile("project", deadline=None, print_blob=True)
hypothesis.settings.load_profile("project")


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Draw hypothesis' seed, and have browser tests run in every browser, unless words name them."""
    if config.option.hypothesis_seed is None:
        config.option.hypothesis_seed = str(random.randrange(10**6))
    stamp = Path(__file__).parents[1] / "build" / "browsers"  # by build.py, where Playwright's own were had
    webkit = ["webkit"] if stamp.is_file() else []
    config.option.browser = config.option.browser or ["chromium", "firefox", *webkit]


def pytest_report_header(config: pytest.Config) -> str:
    """Tell how this run's made-up inputs are had again."""
    return f"made-up inputs: --hypothesis-seed={config.option.hypothesis_seed}"


@pytest.hookimpl(tryfirst=True)  # before -m looks at the marks
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Add the level's marker, so that ``-m browser`` selects a folder wherever it is run from.

    What is marked ``long`` comes first: one worker is at it while the others do the rest. What is marked
    ``apart`` stays out unless ``-m`` speaks of what is long.
    """
    root = Path(__file__).parent
    for item in items:
        level = item.path.relative_to(root).parts[0]
        if level in LEVELS:
            item.add_marker(level)
    items.sort(key=lambda item: item.get_closest_marker("long") is None)
    if "long" not in config.option.markexpr:
        apart = [item for item in items if item.get_closest_marker("apart")]
        config.hook.pytest_deselected(items=apart)
        items[:] = [item for item in items if not item.get_closest_marker("apart")]


@pytest.fixture(scope="session")
def nats() -> Iterator[Nats]:
    """A NATS server for all tests of one worker, each with streams of its own."""
    with nats_server() as server:
        yield server
