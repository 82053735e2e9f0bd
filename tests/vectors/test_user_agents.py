"""User agents are read as the reference was recorded to read them."""

from typing import Any

from forwarder.amplitude.user_agent import parse_user_agent
from tests.vectors.stored import cases, check_each, in_parts

RECORDED = cases("useragent")


@in_parts(RECORDED)
def test_recorded(part: list[dict[str, Any]]) -> None:
    check_each(part, check_recorded)


def check_recorded(case: dict[str, Any]) -> None:
    assert parse_user_agent(case["ua"], case["uaData"]) == case["output"]
