"""The benchmarks judge themselves: a measure that sees nothing is no measure."""

from collections import Counter
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from tests.bench.browser import blind
from tests.bench.browser_goals import goals
from tests.bench.takeover import violations
from tests.bench.watching import Accepted, Found, at_once, longest_gap
from tests.branches import below


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


def measured(browser: str, variant: str, **figures: float) -> dict[str, object]:
    usual = {"wire_kb": 156.0, "cold_ms": 60.0, "longest_task_ms": 0.0, "call_us": 60.0}
    usual |= {"spaced_us": 100.0, "storage_us": 40.0, "first_us": 120.0}
    return {"browser": browser, "variant": variant, "cold_ratio": 20.0, **usual, **figures}


def test_what_the_plugin_is_held_to_is_said_figure_by_figure() -> None:
    micropython = measured("chromium", "micropython", wire_kb=197.6)
    good = goals(
        [measured("chromium", "plugin"), measured("firefox", "plugin", call_us=90), micropython], 5_120
    )
    assert not [line for line in good if line.startswith("MISS")]
    assert "ok   bytes of Python and the plugin: 156.0 kB (at most 198; MicroPython 197.6 kB)" in good
    assert "     whole event in bursts, firefox: 90 us, 120 us on a first visit" in good
    assert "     whole event spaced, chromium: 100 us, 2.5 times the 40 us of its storage alone" in good
    slow = measured("chromium, CPU x4 slower", "plugin", longest_task_ms=51.0)
    bad = measured("chromium", "plugin", wire_kb=197.7, call_us=60.1)
    said = [line.split(":")[0] for line in goals([bad, slow, micropython], 5_121) if line.startswith("MISS")]
    assert said == [
        "MISS script tag",
        "MISS bytes of Python and the plugin",
        "MISS whole event in bursts, chromium",
        "MISS longest task, chromium, CPU x4 slower",
    ]


def test_modules_that_are_reached_too_little_are_named_the_worst_first() -> None:
    shares = {"a.py": 94.9, "b.py": 95.0, "c.py": 12.0}
    report = {"files": {path: {"summary": {"percent_covered": share}} for path, share in shares.items()}}
    assert below(report) == [" 12.0 %  c.py", " 94.9 %  a.py"]


def accepted(*batches: tuple[str, float, float, int]) -> list[Accepted]:
    return [Accepted(*one) for one in batches]


def test_two_who_accept_at_once_are_found() -> None:
    """``f1`` began before ``f2``, and took news that was sent after ``f2`` had taken some."""
    assert at_once(accepted(("f1", 0, 1, 0), ("f2", 2, 3, 0), ("f1", 3.5, 4, 0))) == ["f1 beside f2"]


@pytest.mark.parametrize(
    "last",
    [
        ("f1", 2.5, 4, 0),  # it was on its way when the other one began
        ("f1", 3.5, 4, 1),  # it may have been kept before, and is a duplicate
        ("f2", 3.5, 4, 0),
        ("f3", 3.5, 4, 0),
    ],
)
def test_one_after_the_other_is_no_two_at_once(last: tuple[str, float, float, int]) -> None:
    assert at_once(accepted(("f1", 0, 1, 0), ("f2", 2, 3, 0), last)) == []


FINE = Found(accepting=3, delivering=3, waited=3, repeats=5, lost=[], twice=[], disordered=[])


@pytest.mark.parametrize(
    ("found", "codes", "said", "answers", "outage", "wrong"),
    [
        (FINE, [0, 75], "", {}, 0, None),
        (FINE, [1], "", {}, 0, "f1 ended with 1"),
        (FINE, [], "Traceback (most recent", {}, 0, "f1 logged a traceback"),
        (FINE, [], "", {"no code": 1}, 0, "senders got an answer without a code"),
        (replace(FINE, waited=10.5), [], "", {}, 0, "an event waited 10.5 s"),
        (replace(FINE, waited=20), [], "", {}, 15, None),
        (replace(FINE, lost=[7]), [], "", {}, 0, "lost [7]"),
        (replace(FINE, twice=[7]), [], "", {}, 0, "twice [7]"),
        (replace(FINE, disordered=["u"]), [], "", {}, 0, "disordered ['u']"),
    ],
)
def test_a_take_over_is_judged(
    found: Found, codes: list[int], said: str, answers: dict[str, int], outage: float, wrong: str | None
) -> None:
    one = SimpleNamespace(name="f1", exits=codes, log=lambda: said)
    traffic = SimpleNamespace(accepted=[], answers=Counter(answers))
    stage: Any = SimpleNamespace(outage=outage, traffic=traffic, forwarders=[one])
    assert violations(stage, found) == ([wrong] if wrong else [])


def test_the_longest_pause_is_found() -> None:
    assert longest_gap([5.0, 1.0, 1.5, 4.8]) == 3.3
    assert longest_gap([1.0]) == longest_gap([]) == 0.0
