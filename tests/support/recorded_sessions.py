"""Recorded events, and a plain calculation of the sessions that ``forwarder sessions`` is to find in them."""

from __future__ import annotations

import json
import random
from collections import defaultdict
from pathlib import Path
from statistics import median
from typing import Any

import pytest

from tests.support.sessions import MINUTE, START, event


def lines(path: Path, *events: dict[str, Any]) -> Path:
    """Write events, one a line."""
    path.write_text("\n".join(map(json.dumps, events)))
    return path


Moments = dict[str, list[int]]
"""Times of events in ms, by device."""


def made(count: int, devices: int, hours: int) -> tuple[list[dict[str, Any]], Moments]:
    """Return events of so many hours in no order, and their times."""
    chance = random.Random(19)
    times: Moments = defaultdict(list)
    events = []
    for number in range(count):
        device = f"anon-{chance.randrange(devices)}"
        minutes = chance.randrange(hours * 60 * 60) / 60
        events.append(event(f"m{number}", minutes, device))
        times[device].append(START + int(minutes * MINUTE))
    return events, times


def check(figures: dict[str, Any], times: Moments, length: int, maximum: float = float("inf")) -> None:
    """Check figures by a plain calculation; lengths in minutes."""
    lengths, bounces = [], 0
    for moments in times.values():
        ordered = sorted(moments)
        run_of = [ordered[0]]
        for moment in [*ordered[1:], 10**15]:
            if moment - run_of[-1] >= length * MINUTE or moment - run_of[0] >= maximum * MINUTE:
                lengths.append(run_of[-1] - run_of[0])
                bounces += len(run_of) == 1
                run_of = []
            run_of.append(moment)
    # Two events of one moment that begin a session are one session of two events.
    assert figures["events"] == sum(map(len, times.values()))
    assert (figures["sessions"], figures["bounces"]) == (len(lengths), bounces)
    assert figures["mean_length"] == pytest.approx(sum(lengths) / len(lengths))
    assert figures["median_length"] == median(lengths)
    assert figures["people"] == len(times) == sum(figures["each"])
    assert sum(figures["lengths"]) == len(lengths)
