"""Triggers match what Segment's reference was recorded to match."""

from typing import Any

import pytest

from forwarder.errors import TriggerError
from forwarder.triggers import compile_trigger, trigger_warnings
from tests.vectors.stored import cases, check_each, in_parts, known_differences

RECORDED = [case for case in cases("fql") if case["id"] not in known_differences("fql")]


@in_parts(RECORDED)
def test_recorded(part: list[dict[str, Any]]) -> None:
    check_each(part, check_recorded)


def check_recorded(case: dict[str, Any]) -> None:
    if case.get("error"):
        with pytest.raises(TriggerError):
            compile_trigger(case["subscribe"])
        return
    assert trigger_warnings(case["subscribe"]) is not None
    wanted = bool(case.get("matches")) and not case.get("eval_error")
    assert compile_trigger(case["subscribe"])(case["event"]) is wanted
