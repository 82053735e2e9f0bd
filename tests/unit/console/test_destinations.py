"""The console's destinations: samples in a bounded ring, charts made of them, and the page."""

import re
from collections import Counter
from itertools import pairwise
from pathlib import Path

import pytest

from forwarder import metrics
from forwarder.console.charts import HEIGHT, WIDTH, Axis, Series, bars, lines, nice_top
from forwarder.console.destinations import by_kind
from forwarder.console.figures import Figures
from forwarder.console.timeline import MINUTE_MS, Range, Sample, Timeline, snapshot_of
from forwarder.delivery.health import DestinationHealth
from forwarder.spool import Counts, Settlement, Standing
from forwarder.spool.history import Ended
from tests.support.console import HOSTILE, console, is_safe
from tests.support.spools import NOW
from tests.unit.console.test_mappings import SETTINGS, texts, track

BOUNDS = (1.0, 2.0, 4.0)
QUARTER = Range.DAY.step_ms


def sample(events: int, waiting: int = 0, latency: tuple[int, ...] = (0, 0, 0, 0), **answers: int) -> Sample:
    return Sample(
        events, events, 0, events // 10, waiting, latency, {f"{key[1:]}": answers[key] for key in answers}
    )


def filled(minutes: int) -> Timeline:
    """Return a timeline with a sample each minute, ten events a minute, the last one now."""
    timeline = Timeline(BOUNDS)
    for minute in range(minutes + 1):
        timeline.note(NOW - (minutes - minute) * MINUTE_MS, {"a": sample(10 * minute)})
    return timeline


def test_steps_are_the_differences_of_samples() -> None:
    timeline = Timeline(BOUNDS)
    timeline.note(NOW - 2 * MINUTE_MS, {"a": sample(1_000, 5, (4, 0, 0, 0), _200=4)})
    timeline.note(NOW - MINUTE_MS, {"a": sample(1_010, 3, (4, 4, 0, 0), _200=6, _429=2)})
    [step] = timeline.steps(Range.HOUR, "a", NOW, {"a": sample(1_017)})
    assert (step.at, step.accepted, step.delivered, step.dead, step.waiting) == (
        NOW - MINUTE_MS,
        10,
        10,
        1,
        3,
    )
    assert step.p50 == 1.5
    assert step.p95 == pytest.approx(1.95)
    assert step.answers == {"200": 2, "429": 2}
    assert timeline.steps(Range.HOUR, "b", NOW, {})[0].accepted == 0


def test_right_after_the_start_the_step_that_goes_on_is_shown() -> None:
    timeline = Timeline(BOUNDS)
    assert timeline.steps(Range.HOUR, "a", NOW, {"a": sample(3)}) == []
    timeline.note(NOW - 10_000, {"a": sample(1_000)})
    for of in Range:
        [step] = timeline.steps(of, "a", NOW, {"a": sample(1_003)})
        assert (step.at, step.accepted) == (NOW, 3)
    [new] = timeline.steps(Range.HOUR, "b", NOW, {"b": sample(7)})
    assert new.accepted == 7, "of a destination that is new, all came since"


@pytest.mark.parametrize("minutes", [59, 60, 61, 600, 3_000])
def test_the_ring_holds_an_hour_and_a_day_and_no_more(minutes: int) -> None:
    timeline = filled(minutes)
    now = {"a": sample(10 * minutes)}
    hour = timeline.steps(Range.HOUR, "a", NOW, now)
    day = timeline.steps(Range.DAY, "a", NOW, now)
    assert len(hour) == min(minutes, 60)
    assert all(step.accepted == 10 for step in hour)
    assert all(later.at - earlier.at == MINUTE_MS for earlier, later in pairwise(hour))
    assert len(day) == min(minutes // 15, 96)
    assert all(step.accepted == 150 for step in day)
    assert sum(len(kept) for kept in timeline._kept.values()) <= 61 + 97


def test_samples_that_come_a_little_early_still_end_a_step_and_late_ones_stay_true() -> None:
    timeline = Timeline(BOUNDS)
    at, events = NOW - 40 * MINUTE_MS, 0
    for seconds in (60, 59.9, 60.2, 1_200, 60):
        timeline.note(at, {"a": sample(events)})
        at, events = at + round(seconds * 1000), events + 10
    timeline.note(at, {"a": sample(events)})
    steps = timeline.steps(Range.HOUR, "a", NOW, {"a": sample(events)})
    assert [step.accepted for step in steps] == [10] * 5


def test_what_happened_before_the_range_is_not_in_it() -> None:
    timeline = Timeline(BOUNDS)
    for minutes, events in ((200, 0), (199, 50), (2, 60), (1, 63)):  # the machine slept in between
        timeline.note(NOW - minutes * MINUTE_MS, {"a": sample(events)})
    steps = timeline.steps(Range.HOUR, "a", NOW, {"a": sample(63)})
    assert [step.accepted for step in steps] == [10, 3]


def test_counters_that_begin_again_are_no_negative_events() -> None:
    timeline = Timeline(BOUNDS)
    timeline.note(NOW - 2 * MINUTE_MS, {"a": sample(1_000, 0, (4, 4, 0, 0), _200=9)})
    timeline.note(NOW - MINUTE_MS, {"a": sample(2, 0, (1, 0, 0, 0), _200=1)})
    [step] = timeline.steps(Range.HOUR, "a", NOW, {})
    assert (step.accepted, step.p50, step.answers) == (0, None, {})


def test_a_snapshot_is_made_of_the_spools_counts_and_the_processs_own() -> None:
    ended = {
        ("delivered", ""): 5,
        ("filtered", "no trigger matched"): 2,
        ("filtered", "x"): 1,
        ("dead", "y"): 1,
    }
    counts = Counts(0, 0, None, {"a": Standing(12, 3, ended, 0, 1, 1)})
    requests: dict[tuple[str, ...], int] = {
        ("a", "httpapi", "200"): 3,
        ("a", "identify", "200"): 1,
        ("a", "batch", "broken"): 1,
        ("b", "x", "1"): 9,
    }
    figures = Figures(requests=requests, latency={"a": (1, 2, 3, 0)})
    assert snapshot_of(counts, figures) == {
        "a": Sample(12, 5, 3, 1, 3, (1, 2, 3, 0), {"200": 4, "broken": 1})
    }


@pytest.mark.parametrize(
    ("highest", "top"),
    [(0, 1), (0.003, 0.005), (1, 1), (1.1, 2), (3, 5), (7, 10), (10, 10), (11, 20), (512, 1_000)],
)
def test_the_upper_edge_is_a_round_number(highest: float, top: float) -> None:
    assert nice_top(highest) == pytest.approx(top)


def points(path: str) -> list[tuple[float, float]]:
    return [(float(x), float(y)) for x, y in re.findall(r"[ML]([\d.-]+) ([\d.-]+)", path)]


AXIS = Axis(0, 60 * MINUTE_MS, MINUTE_MS, [50 * MINUTE_MS, 55 * MINUTE_MS, 60 * MINUTE_MS])


def test_lines_lie_where_their_times_and_values_are_and_break_where_nothing_is_known() -> None:
    chart = lines("Events", [Series("accepted", "good", [0, 5, 10])], AXIS, str)
    area, line = chart.drawn
    assert points(line.path) == [(500, HEIGHT), (550, HEIGHT / 2), (WIDTH, 0)]
    assert points(area.path)[1:] == [(500, HEIGHT), (550, HEIGHT / 2), (WIDTH, 0)] or area.path.endswith("Z")
    assert (chart.top, line.last, chart.is_empty) == ("10.0", "10", False)
    assert "accepted 10" in chart.summary
    broken = lines("Events", [Series("p50", "good", [4, None, 2])], AXIS, str).drawn[1]
    assert broken.path.count("M") == 2
    assert lines("Events", [Series("p50", "good", [None, None, None])], AXIS, str).is_empty
    assert lines("Events", [Series("p50", "good", [])], AXIS._replace(times=[]), str).is_empty


def test_bars_stand_on_each_other_and_inside_of_the_chart() -> None:
    chart = bars("Requests", [Series("ok", "good", [1, 0, 4]), Series("no", "bad", [0, None, 6])], AXIS, str)
    ok, no = chart.drawn
    [(_, first), (_, last)] = points(ok.path)
    assert (first, last) == (HEIGHT * 0.9, HEIGHT * 0.6)
    [(x, top)] = points(no.path)
    assert top == 0
    assert 0 <= x <= WIDTH
    heights = [float(one) for one in re.findall(r"v([\d.]+)", no.path)]
    assert heights == [HEIGHT * 0.6]


def test_answers_are_told_apart_by_what_they_ask_for() -> None:
    answers = {
        "200": 1,
        "202": 1,
        "429": 2,
        "400": 3,
        "413": 1,
        "503": 4,
        "broken": 5,
        "unreachable": 1,
        "other": 1,
    }
    assert by_kind(answers) == Counter(
        {"accepted": 2, "throttled": 2, "refused": 4, "failed there": 4, "no answer": 7}
    )


async def test_the_page_says_how_destinations_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("forwarder.console.destinations.LOOK_S", 60.0)
    held = DestinationHealth(
        True, "unreachable: ConnectError: refused (ECONNREFUSED)", since=NOW - 90_000, next_try=NOW + 12_000
    )
    timeline = Timeline(metrics.LATENCY.bounds)
    timeline.note(NOW - 2 * MINUTE_MS, {})
    metrics.WARNINGS.add("own", "short_id", count=3)
    async with console(tmp_path, SETTINGS, health={"own": held}, timeline=timeline) as made:
        await made.accept(track(1), track(2))
        ends = [Ended("delivered", "", 1, 1)]
        await made.spool.settle("own", Settlement(1, ended={("delivered", ""): 1}, ends=ends), NOW)
        page = await made.page("/destinations")
        said = texts(page)
        assert "own held back Held back since 2026-09-21" in said
        assert "for 90 s. unreachable: ConnectError: refused (ECONNREFUSED)" in said
        assert "the next one at 2026-09-21" in said
        assert "in 12 s" in said
        assert "presets well" in said
        assert "waiting 1" in said
        assert re.search(
            r"short_id The id is too short, and Amplitude drops it\. \d+ user_id has 2 char", said
        )
        assert 'href="/console/mappings/test?message=m-2"' in page
        assert page.count("<svg") == page.count('role="img"') == page.count("</desc>") == 8
        assert "style=" not in page
        day = await made.page("/destinations?range=day")
        assert 'range=day" aria-current="true"' in day
        assert "Events in 15 minutes" in day


async def test_hostile_reasons_are_shown_escaped(tmp_path: Path) -> None:
    held = DestinationHealth(True, HOSTILE)
    metrics.REQUESTS.add("own", HOSTILE, HOSTILE)
    metrics.WARNINGS.add("own", HOSTILE)
    async with console(tmp_path, SETTINGS, health={"own": held}) as made:
        await made.accept(track(1, messageId=HOSTILE, event=HOSTILE))
        assert is_safe(await made.page("/destinations"))
        assert is_safe(await made.page("/destinations?range=%3Cb%3E"))
