"""Which events an owner's code is profiled with, and which others it is then asked about."""

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any, Literal, NamedTuple

from browser_plugin.owner.source import OwnerCode
from browser_plugin.owner_freeze.events import made_up
from browser_plugin.owner_freeze.texts import TOUCH, texts_of

Level = Literal["whole", "code", "tight"]
LEVELS: tuple[Level, ...] = ("whole", "code", "tight")
"""From the largest to the smallest; each leaves out more."""
SEEDS = (1, 2)
"""Of the workload, and of the events that are held out."""


class Depth(NamedTuple):
    """How many events a freeze goes by, beside the owner's own."""

    profiled: int
    """Events that the profiled runs see."""
    held_out: int
    """Events of the check, which they do not."""
    like: float
    """Of both, the share that is made of the owner's own events and tests; the others are made of nothing."""


DEPTHS: dict[Level, Depth] = {
    "whole": Depth(1_500, 2_000, 0),
    "code": Depth(1_500, 2_000, 0),
    "tight": Depth(3_000, 20_000, 0.5),
}
"""What is asked of each level: of ``tight`` more, where only what was profiled is there."""


def calls_of(code: OwnerCode, events: Sequence[dict[str, Any]], depth: Depth) -> tuple[list[str], list[str]]:
    """Return the workload's texts, and those that are held out. Raises FreezeError where a test fails."""
    own = list(events)
    if depth.like:
        from browser_plugin.owner_freeze.recording import recorded

        own += recorded(code)
    made = _made(own, depth.profiled, depth.like, SEEDS[0])
    workload = dict.fromkeys(texts_of([*own, *islice(made, depth.profiled)]))
    others = (
        text for event in _made(own, depth.held_out, depth.like, SEEDS[1]) for text in texts_of([event])
    )
    held_out: dict[str, None] = {}
    while len(held_out) < depth.held_out:
        text = next(others)
        if text not in workload:
            held_out[text] = None
    return [TOUCH, *workload], list(held_out)


def _made(own: Sequence[dict[str, Any]], count: int, share: float, number: int) -> Iterator[dict[str, Any]]:
    """Yield events without end: first the ``share`` of ``count`` that is like the owner's own."""
    if share:
        from browser_plugin.owner_freeze.strategies import like  # hypothesis comes with the tests' packages

        yield from like(own or list(islice(made_up(0), 50)), round(count * share), number)
    yield from made_up(number)
