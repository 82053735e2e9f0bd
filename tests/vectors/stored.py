"""Recorded cases, read from tests/vectors/data."""

import gzip
import json
import tomllib
from pathlib import Path
from typing import Any

DATA = Path(__file__).parent / "data"


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


def known_differences(group: str) -> dict[str, str]:
    """Return the ids of the cases in which this project differs on purpose, with the reasons."""
    listed: dict[str, dict[str, str]] = tomllib.loads(
        (DATA.parent / "known_differences.toml").read_text("utf-8")
    )
    return listed.get(group, {})
