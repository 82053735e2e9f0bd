"""May an event go to the destination: both names, a plain false beats everything."""

import pytest

from browser_plugin.destinations import NAMES, is_denied, may_receive

STAMP = {"session_id": 1_700_000_000_000}
TRUE: tuple[object, ...] = (True, {}, [], STAMP, "yes", 1, -1)
NOT_TRUE: tuple[object, ...] = (None, 0, 0.0, "", False)
NOT_FALSE: tuple[object, ...] = (None, 0, "", "false", [], {})
FIRST, SECOND = NAMES


@pytest.mark.parametrize("integrations", [None, {}, [], "odd", 5, {"All": True}, {"All": None}, {"All": 0}])
def test_where_nothing_is_said_it_may(integrations: object) -> None:
    assert may_receive(integrations)


@pytest.mark.parametrize(("name", "other"), [(FIRST, SECOND), (SECOND, FIRST)])
def test_a_plain_false_under_either_name_beats_everything(name: str, other: str) -> None:
    for beside in ({}, {other: True}, {other: STAMP}, {"All": True}, {"All": True, other: STAMP}):
        assert not may_receive({name: False, **beside})
        assert is_denied({name: False, **beside})


@pytest.mark.parametrize("name", NAMES)
def test_all_false_needs_a_name_with_a_value_that_counts(name: str) -> None:
    assert not may_receive({"All": False})
    assert not may_receive({"All": False, "Amplitude": True, name.lower(): True})
    for value in TRUE:
        assert may_receive({"All": False, name: value}), value
    for value in NOT_TRUE:
        assert not may_receive({"All": False, name: value}), value


@pytest.mark.parametrize("name", NAMES)
def test_what_is_no_plain_false_denies_nothing(name: str) -> None:
    for value in NOT_FALSE:
        assert may_receive({name: value}), value
        assert not is_denied({name: value}), value
