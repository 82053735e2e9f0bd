"""Marks every test with its level, the folder it lies in."""

from pathlib import Path

import pytest

LEVELS = {"unit", "property", "vectors", "integration", "browser", "docs"}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Add the level's marker, so that ``-m browser`` selects a folder wherever it is run from."""
    root = Path(__file__).parent
    for item in items:
        level = item.path.relative_to(root).parts[0]
        if level in LEVELS:
            item.add_marker(level)
