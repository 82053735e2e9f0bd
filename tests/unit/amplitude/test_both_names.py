"""The destination's two names mean the same in mappings, too."""

import pytest

from browser_plugin.destinations import NAMES
from forwarder.amplitude import AmplitudeDestination
from forwarder.amplitude.both_names import with_both_names

FIRST, SECOND = NAMES
EVENT = {"type": "track", "event": "E", "userId": "user-1234", "messageId": "m"}


@pytest.mark.parametrize("mapped", NAMES)
@pytest.mark.parametrize("said", NAMES)
def test_a_session_id_is_found_under_either_name(mapped: str, said: str) -> None:
    mapping = {
        "event_type": "E",
        "user_id": {"@path": "$.userId"},
        "session_id": {"@path": f"$.integrations.{mapped}.session_id"},
    }
    subscription = {"subscribe": 'type = "track"', "partnerAction": "logEventV2", "mapping": mapping}
    destination = AmplitudeDestination({"apiKey": "k", "secretKey": "s"}, [subscription])
    event = {**EVENT, "integrations": {said: {"session_id": 1_700_000_000_000}}}
    [item] = destination.items(event)[0]
    assert item.body["session_id"] == 1_700_000_000_000
    [planned] = destination.plan(event)
    assert planned.items[0].body["session_id"] == 1_700_000_000_000


@pytest.mark.parametrize(
    ("given", "options"),
    [
        ({SECOND: {"a": 1}}, {"a": 1}),
        ({FIRST: {"a": 1}, SECOND: {"a": 2, "b": 3}}, {"a": 1, "b": 3}),
        ({FIRST: True, SECOND: {"a": 2}}, {"a": 2}),
    ],
)
def test_options_are_merged(given: dict[str, object], options: dict[str, object]) -> None:
    assert with_both_names({"All": False, **given}) == {"All": False, FIRST: options, SECOND: options}


def test_where_there_are_none_nothing_is_added() -> None:
    for given in ({}, {SECOND: True}, {FIRST: 5, "All": True}):
        assert with_both_names(given) == given
