"""The benchmarks judge themselves: a measure that sees nothing is no measure."""

import pytest

from tests.bench.browser import blind
from tests.branches import below
from tests.mutants import tally


def row(variant: str, longest: float, blocking: float) -> dict[str, object]:
    return {
        "browser": "chromium",
        "variant": variant,
        "longest_task_ms": longest,
        "blocking_ms": blocking,
        "seen_by": "gaps",
    }


@pytest.mark.parametrize(("longest", "blocking"), [(0.0, 0.0), (50.0, 0.0), (0.0, 300.0)])
def test_a_run_that_does_not_see_stock_pyodide_block_the_page_fails(longest: float, blocking: float) -> None:
    (problem,) = blind([row("stock", longest, blocking), row("plugin", 60, 10)])
    assert problem.startswith("chromium: stock Pyodide")


def test_other_variants_need_not_block() -> None:
    assert blind([row("stock", 700, 650), row("plugin", 0, 0)]) == []


def test_modules_that_are_reached_too_little_are_named_the_worst_first() -> None:
    shares = {"a.py": 94.9, "b.py": 95.0, "c.py": 12.0}
    report = {"files": {path: {"summary": {"percent_covered": share}} for path, share in shares.items()}}
    assert below(report) == [" 12.0 %  c.py", " 94.9 %  a.py"]


def test_changes_that_no_test_reaches_count_as_not_noticed() -> None:
    found: dict[str, dict[str, int | None]] = {
        "a.py": {"one": 1, "two": 0, "three": 33, "four": None, "five": 36}
    }
    assert tally(found)[-1].startswith("all: 50 % not noticed (1 killed, 1 killed (time), 1 no tests, ")
