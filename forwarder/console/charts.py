"""Charts as values: a template draws them as SVG. The figures stand in a table beside them, too."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

WIDTH: Final = 600
HEIGHT: Final = 100
"""The drawing's own units: it is stretched to the place that there is, so texts stand beside it."""
_NICE: Final = (1, 2, 5, 10)
"""Times a power of ten: where an axis ends, so that its half is a short number, too."""

_BAR: Final = 0.8
"""The part of a step's width that its bar takes."""
NOTHING: Final = "none"

Value = float | None


class Axis(NamedTuple):
    """The axis of time. ``times``: ends of the steps that are known, oldest first; all in ms.

    ``begin``, ``end``: of what is shown; ``step``: how long a step is.
    """

    begin: int
    end: int
    step: int
    times: Sequence[int]

    def x(self, at: int) -> float:
        """Return the place of a time."""
        return WIDTH * (at - self.begin) / (self.end - self.begin)


class Series(NamedTuple):
    """A series of values, one for each step that is known; ``tone``: the class of its colour.

    ``dashed``: told apart from another one by more than its colour.
    """

    name: str
    tone: str
    values: Sequence[Value]
    dashed: bool = False


class Drawn(NamedTuple):
    """A series as a path. ``shape``: ``line``, ``area`` or ``bar``; ``last``: its newest value, as text."""

    name: str
    tone: str
    shape: str
    path: str
    last: str
    dashed: bool = False


class Chart(NamedTuple):
    """A chart. ``top``: the value at its upper edge; ``summary``: what it shows, in words."""

    title: str
    summary: str
    top: str
    drawn: Sequence[Drawn]
    is_empty: bool


def lines(title: str, series: Sequence[Series], axis: Axis, text: Callable[[float], str]) -> Chart:
    """Return a chart of lines, the first over a filled area. ``text``: returns a value as people read it."""
    top = nice_top(_highest(series))
    drawn = []
    for place, one in enumerate(series):
        parts = _parts(_points(one.values, axis, top))
        if not place:
            path = "".join(f"M{_at(part[0][0], HEIGHT)}{_to(part)}V{HEIGHT}Z" for part in parts)
            drawn.append(Drawn(one.name, one.tone, "area", path, ""))
        path = "".join(f"M{_at(*part[0])}{_to(part[1:]) or 'h-8'}" for part in parts)
        drawn.append(Drawn(one.name, one.tone, "line", path, _last(one, text), one.dashed))
    return _chart(title, series, text, top, drawn)


def bars(title: str, series: Sequence[Series], axis: Axis, text: Callable[[float], str]) -> Chart:
    """Return a chart of bars, each step's values on top of each other; else as ``lines``."""
    floor = [0.0] * len(axis.times)
    top = nice_top(max((sum(step) for step in zip(*map(_counts, series), strict=True)), default=0))
    width = axis.x(axis.begin + axis.step) * _BAR
    drawn = []
    for one in series:
        path = ""
        for place, value in enumerate(_counts(one)):
            if value:
                x = max(0.0, axis.x(axis.times[place]) - width / _BAR * (1 + _BAR) / 2)
                y, height = HEIGHT * (1 - (floor[place] + value) / top), HEIGHT * value / top
                path += f"M{_at(x, y)}h{width:.1f}v{height:.1f}h-{width:.1f}Z"
                floor[place] += value
        drawn.append(Drawn(one.name, one.tone, "bar", path, _last(one, text)))
    return _chart(title, series, text, top, drawn)


def _counts(one: Series) -> list[float]:
    return [value or 0 for value in one.values]


def _highest(series: Sequence[Series]) -> float:
    return max((value for one in series for value in one.values if value is not None), default=0)


def nice_top(highest: float) -> float:
    """Return the value of the upper edge: 1, 2 or 5 times a power of ten, or what is next above that."""
    if highest <= 0:
        return 1
    power = 1.0
    while power * 10 <= highest:
        power *= 10
    while power > highest:
        power /= 10
    return next(nice * power for nice in _NICE if nice * power >= highest)


def _chart(
    title: str,
    series: Sequence[Series],
    text: Callable[[float], str],
    top: float,
    drawn: Sequence[Drawn],
) -> Chart:
    said = ", ".join(f"{one.name} {_last(one, text)}" for one in series)
    highest = _highest(series)
    summary = f"Latest: {said}; highest {text(highest)}." if highest else "Nothing."
    return Chart(title, summary, text(top), drawn, not highest)


def _last(one: Series, text: Callable[[float], str]) -> str:
    known = [value for value in one.values if value is not None]
    return text(known[-1]) if known else NOTHING


def _points(values: Sequence[Value], axis: Axis, top: float) -> list[tuple[float, float] | None]:
    return [
        None if value is None else (axis.x(at), HEIGHT * (1 - value / top))
        for at, value in zip(axis.times, values, strict=True)
    ]


def _parts(points: Sequence[tuple[float, float] | None]) -> list[list[tuple[float, float]]]:
    """Return the points in parts without a gap."""
    parts: list[list[tuple[float, float]]] = [[]]
    for point in points:
        if point is not None:
            parts[-1].append(point)
        elif parts[-1]:
            parts.append([])
    return [part for part in parts if part]


def _at(x: float, y: float) -> str:
    return f"{x:.1f} {y:.1f}"


def _to(points: Sequence[tuple[float, float]]) -> str:
    return "".join(f"L{_at(*point)}" for point in points)
