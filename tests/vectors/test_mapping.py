"""Mappings give what Segment's reference was recorded to give."""

from typing import Any

import pytest

from forwarder.errors import MappingError
from forwarder.javascript.values import UNDEFINED
from forwarder.mapping import compile_mapping
from tests.vectors.stored import cases, known_differences, names

RECORDED = [case for case in cases("mapping") if case["id"] not in known_differences("mapping")]


@pytest.mark.parametrize("case", RECORDED, ids=names(RECORDED))
def test_recorded(case: dict[str, Any]) -> None:
    payload = case.get("payload", UNDEFINED)
    if case.get("error"):
        with pytest.raises(MappingError):
            compile_mapping(case["mapping"])(payload)
        return
    wanted = UNDEFINED if case.get("undefined") else case["output"]
    assert compile_mapping(case["mapping"])(payload) == wanted
