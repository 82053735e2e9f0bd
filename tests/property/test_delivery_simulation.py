"""Nothing lost, nothing doubled, order kept: thousands of made-up days, each from one seed."""

import os

import pytest

from tests.support.simulation.world import World

SEEDS, BLOCKS = 10, 80
"""Schedules per test, and tests: short ones, so that every change of ``build.py mutants`` is asked a few.
SIMULATION_SEED=N plays that schedule alone."""
FOUND = [11225]
"""Schedules beyond that have found something."""


@pytest.mark.parametrize("block", range(1 if "SIMULATION_SEED" in os.environ else BLOCKS))
def test_every_event_ends_once_and_in_order(block: int) -> None:
    chosen = os.environ.get("SIMULATION_SEED")
    more = FOUND if block == 0 else []
    seeds = [int(chosen)] if chosen else [*range(block * SEEDS, (block + 1) * SEEDS), *more]
    for seed in seeds:
        try:
            World(seed).play()
        except Exception as error:
            error.add_note(f"play it again with SIMULATION_SEED={seed}")
            raise
