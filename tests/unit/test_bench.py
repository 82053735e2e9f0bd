"""The benchmarks judge themselves: a measure that sees nothing is no measure."""

import pytest

from tests.bench.browser import blind


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
