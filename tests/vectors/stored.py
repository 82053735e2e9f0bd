"""Recorded cases, read from tests/vectors/data."""

import gzip
import json
import tomllib
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import pytest

DATA = Path(__file__).parent / "data"
PART = 50
"""Cases in one test: 6,000 tests of one case each took twice the time of the cases."""


def cases(group: str) -> list[dict[str, Any]]:
    """Return one group's recorded cases, and our own: inputs made here, with what the reference gave."""
    plain = DATA / f"{group}.jsonl"
    packed = DATA / f"{group}.jsonl.gz"
    text = plain.read_bytes() if plain.exists() else gzip.decompress(packed.read_bytes())
    own = (DATA / "own.jsonl").read_bytes()
    read = [json.loads(line) for line in (text + own).splitlines()]
    return [case for case in read if case["group"] == group]


def names(recorded: list[dict[str, Any]]) -> list[str]:
    """Return the cases' ids, as names for tests."""
    return [case["id"] for case in recorded]


def in_parts(recorded: list[dict[str, Any]]) -> pytest.MarkDecorator:
    """Parametrize ``part`` with the cases, ``PART`` to a test: a test costs as much as a case does."""
    parts = [recorded[at : at + PART] for at in range(0, len(recorded), PART)]
    ids = [f"{part[0]['id']} to {part[-1]['id']}" for part in parts]
    return pytest.mark.parametrize("part", parts, ids=ids)


def check_each(part: Sequence[dict[str, Any]], check: Callable[[dict[str, Any]], None]) -> None:
    """Check every case; what failed is raised together, each with its case's id."""
    failed: list[BaseException] = []
    for case in part:
        try:
            check(case)
        except (Exception, pytest.fail.Exception) as error:
            error.add_note(f"case {case['id']}")
            failed.append(error)
    if failed:
        raise BaseExceptionGroup(f"{len(failed)} of {len(part)} cases", failed)


@cache
def known_differences(group: str) -> dict[str, str]:
    """Return the ids of the cases in which this project differs on purpose, with the reasons."""
    listed: dict[str, dict[str, str]] = tomllib.loads(
        (DATA.parent / "known_differences.toml").read_text("utf-8")
    )
    return listed.get(group, {})
