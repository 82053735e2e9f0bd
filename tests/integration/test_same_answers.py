"""Host Python, the frozen module that is built and the compiled rules say the same about made-up events."""

from pathlib import Path

from tests.agreement import agreement

COUNT = 20_000
"""The freeze itself asks 100,000 others, and ``build.py agree`` as many, stock Pyodide as well."""


def test_host_frozen_module_and_compiled_rules_answer_alike(tmp_path: Path) -> None:
    said = agreement(COUNT, tmp_path, stock=False)
    assert said["different"] == [], "who, text, answer, host's answer"
    assert said["calls"] == COUNT
    assert said["compared"] >= COUNT * 0.99
    assert said["trapped"] <= COUNT // 1_000


def test_stock_pyodide_answers_alike(tmp_path: Path) -> None:
    said = agreement(500, tmp_path, stock=True)
    assert (said["different"], said["stock"]) == ([], 500)
