"""Any JSON as an event is planned, or ends in a named error; the time it takes grows with its size only."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forwarder.amplitude import AmplitudeDestination
from forwarder.amplitude.actions.fields import ACTIONS, default_mapping
from forwarder.amplitude.user_agent import parse_user_agent
from forwarder.amplitude.wire.writing import DEEPEST_SENT
from forwarder.cli.explanations import explained
from forwarder.cli.plans import plan_line
from forwarder.errors import MappingError, PayloadError
from tests.support.json_values import ANY_LETTERS, JSON

SETTINGS = {"apiKey": "key", "secretKey": "secret"}
PRESETS = AmplitudeDestination(SETTINGS)
ALL = AmplitudeDestination(
    SETTINGS,
    [
        {
            "name": action,
            "subscribe": 'type != "nothing"',
            "partnerAction": action,
            "mapping": {
                **default_mapping(action),
                "group_type": {"@path": "$.event"},
                "group_value": {"@path": "$.groupId"},
                "groups": {"@path": "$.groups"},
                "min_id_length": {"@path": "$.shortest"},
                "insert_id": {"@path": "$.insertId"},
                "includeRawUserAgent": True,
                "trackRevenuePerProduct": {"@path": "$.perProduct"},
            },
        }
        for action in ACTIONS
    ],
)
TEXT = ANY_LETTERS | st.sampled_from(
    [*("1700000000000", "2024-06-01T08:30:00Z", "Jun 1", "-1", "1e400", "0x10", " ", "\0", "\ud800"),
     *("iOS ANDROID", "analytics.js", "Mozilla/5.0 (Linux; Android 9) Chrome/1", "[Amplitude] x")]
)  # fmt: skip
NUMBER = (
    st.integers(min_value=-(10**400), max_value=10**400)
    | st.floats()
    | st.sampled_from([-1, 0, 8.64e15, 2**53, 2**63])
)
AGENT = st.lists(
    st.sampled_from(
        [*("Mozilla/5.0", " (Linux; ", "Android 9; ", "SM-", ")", "iPhone OS 17_1", " Chrome/1", "Safari"),
         *("\ud83d", "\0", "é", " ", "/", "Windows NT ", "; wv", "\n")]
    ),
    max_size=40,
).map("".join)  # fmt: skip
VALUE = JSON | TEXT | NUMBER
PRODUCT = st.dictionaries(
    st.sampled_from(["price", "quantity", "revenue", "productId", "x"]), VALUE, max_size=4
)


def some(**fields: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.fixed_dictionaries({}, optional=fields) | VALUE


EVENT = st.fixed_dictionaries(
    {"type": st.sampled_from(["track", "page", "screen", "identify", "group", "alias"]) | VALUE},
    optional={
        **dict.fromkeys(("event", "name", "userId", "anonymousId", "messageId", "previousId"), VALUE),
        **dict.fromkeys(("timestamp", "groupId", "groups", "shortest", "insertId", "perProduct"), VALUE),
        "properties": some(
            price=VALUE,
            quantity=VALUE,
            revenue=VALUE,
            products=st.lists(PRODUCT, max_size=3) | VALUE,
            a=VALUE,
        ),
        "traits": some(**{"$set": VALUE, "$setOnce": VALUE, "referrer": VALUE, "plan": VALUE}),
        "context": some(
            userAgent=VALUE | AGENT,
            userAgentData=some(model=VALUE, platformVersion=VALUE),
            campaign=some(name=VALUE, source=VALUE),
            page=some(referrer=VALUE),
            device=some(type=VALUE, id=VALUE),
            library=some(name=VALUE),
            locale=VALUE,
        ),
        "integrations": st.fixed_dictionaries({"Actions Amplitude": some(session_id=VALUE)}),
    },
)


@given(EVENT)
def test_any_event(event: dict[str, Any]) -> None:
    for destination in (PRESETS, ALL):
        for planned in destination.plan(event):
            assert planned.error is None or isinstance(planned.error, (MappingError, PayloadError))
            assert bool(planned.calls) is (planned.error is None)
        line = json.loads(plan_line(event, {"one": destination}))
        assert len(line["planned"]) == len(destination.plan(event))
        assert all(isinstance(text, str) for text in explained(event, {"one": destination}))
        items, errors = destination.items(event)
        assert len(items) + len(errors) >= len(line["planned"])


def nested(levels: int, *, lists: bool) -> Any:
    value: Any = "x"
    for _ in range(levels):
        value = [value] if lists else {"a": value}
    return value


@pytest.mark.parametrize("lists", [False, True])
@pytest.mark.parametrize(
    "levels", [DEEPEST_SENT - 1, DEEPEST_SENT + 1, 900, 5000], ids=["within", "beyond", "far", "further"]
)
def test_depth_is_bounded(levels: int, lists: bool) -> None:
    deep = {"a": nested(levels - 1, lists=lists)}
    for kind, field in (("track", "properties"), ("identify", "traits")):
        event = {"type": kind, "event": "e", "userId": "user-1", "groupId": "1", field: deep}
        for destination in (PRESETS, ALL):
            errors = [planned.error for planned in destination.plan(event)]
            texts = [str(error) for error in errors if error]
            assert bool(texts) is (levels > DEEPEST_SENT)
            assert all("nested" in text for text in texts)
            assert plan_line(event, {"one": destination})
            assert list(explained(event, {"one": destination}))


@pytest.mark.parametrize(
    "piece", ["9", "\t", "\u00a0", "a", "(", "((", "ios", "2024-", "{{", "é", " ,", "z+"]
)
def test_long_texts_take_linear_steps(piece: str) -> None:
    """One expression that backtracks would take hours here."""
    text = piece * (100_000 // len(piece))
    for event_type in ("track", "identify", "page", "group", "alias"):
        event = {
            **dict.fromkeys(("event", "name", "userId", "timestamp", "groupId"), text),
            "type": event_type,
            "properties": dict.fromkeys(("price", "quantity", "products"), text),
            "context": {
                **dict.fromkeys(("userAgent", "locale", "ip"), text),
                "device": {"type": text},
                "page": {"referrer": text},
            },
            "integrations": {"Actions Amplitude": {"session_id": text}},
        }
        assert PRESETS.plan(event) is not None
    assert len(ALL.plan({**event, "type": "track"})) == len(ACTIONS), "of whatever type"


@given(ANY_LETTERS | AGENT)
def test_any_user_agent(text: str) -> None:
    assert all(isinstance(value, str) for value in parse_user_agent(text).values())
