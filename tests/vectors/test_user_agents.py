"""User agents are read as the reference was recorded to read them."""

from typing import Any

import pytest

from forwarder.amplitude.user_agent import parse_user_agent
from tests.vectors.stored import cases, names

RECORDED = cases("useragent")


@pytest.mark.parametrize("case", RECORDED, ids=names(RECORDED))
def test_recorded(case: dict[str, Any]) -> None:
    assert parse_user_agent(case["ua"], case["uaData"]) == case["output"]
