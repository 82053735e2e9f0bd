"""What several actions make in the same way: the least length of ids, and what a user agent says."""

import pytest

from forwarder.amplitude.actions.common import agent_fields, min_id_length
from forwarder.amplitude.user_agent import LONGEST, fields_without_hints


@pytest.mark.parametrize("value", [0, -1, float("nan"), float("inf"), float("-inf"), None, "3", [3]])
def test_a_least_length_that_is_none_is_left_out(value: object) -> None:
    assert min_id_length({"min_id_length": value}) is None


@pytest.mark.parametrize("value", [1, 2.5, 3.0])
def test_a_least_length_is_kept(value: float) -> None:
    assert min_id_length({"min_id_length": value}) == value


def test_user_agents_are_remembered_by_what_is_read_of_them() -> None:
    """Else somebody could fill memory with a few long ones."""
    agent = "Mozilla/5.0 (Windows NT 10.0) " + "a" * LONGEST
    first = agent_fields({"userAgent": agent + "one", "userAgentParsing": True})
    hits = fields_without_hints.cache_info().hits
    assert agent_fields({"userAgent": agent + "another", "userAgentParsing": True}) == first
    assert fields_without_hints.cache_info().hits == hits + 1
