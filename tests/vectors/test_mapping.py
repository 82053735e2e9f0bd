"""Mappings give what Segment's reference was recorded to give."""

from typing import Any

import pytest

from forwarder.errors import MappingError
from forwarder.javascript.values import UNDEFINED
from forwarder.mapping import compile_mapping
from tests.vectors.stored import cases, check_each, in_parts, known_differences

RECORDED = [case for case in cases("mapping") if case["id"] not in known_differences("mapping")]


@in_parts(RECORDED)
def test_recorded(part: list[dict[str, Any]]) -> None:
    check_each(part, check_recorded)


def check_recorded(case: dict[str, Any]) -> None:
    payload = case.get("payload", UNDEFINED)
    if case.get("error"):
        with pytest.raises(MappingError):
            compile_mapping(case["mapping"])(payload)
        return
    wanted = UNDEFINED if case.get("undefined") else case["output"]
    assert compile_mapping(case["mapping"])(payload) == wanted
