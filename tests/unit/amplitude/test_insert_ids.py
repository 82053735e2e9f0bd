"""Every item sent has an insert id of its own, which is the same at every try and after every edit."""

from itertools import permutations
from typing import Any

import pytest

from forwarder.amplitude import AmplitudeDestination
from forwarder.config.settings import AmplitudeKeys, Destination, Settings
from forwarder.wiring import destinations_of

SETTINGS = {"apiKey": "key", "secretKey": "secret"}
EVENT = {"type": "track", "event": "Signed Up", "userId": "user-1234", "messageId": "m-1"}
USER = {"user_id": {"@path": "$.userId"}}


def subscription(event_type: str = "E", **more: Any) -> dict[str, Any]:
    return {
        "subscribe": 'type = "track"',
        "partnerAction": "logEventV2",
        "mapping": {"event_type": event_type, **USER},
        **more,
    }


def ids(*subscriptions: dict[str, Any], event: dict[str, Any] = EVENT) -> list[str]:
    destination = AmplitudeDestination(SETTINGS, subscriptions)
    sent = [item.body.get("insert_id") for item in destination.items(event)[0]]
    shown = [item.body.get("insert_id") for planned in destination.plan(event) for item in planned.items]
    assert sent == shown
    return [str(one) for one in sent if one is not None]


def test_one_item_goes_by_the_message_id() -> None:
    assert ids(subscription()) == ["m-1"]
    assert ids(subscription(), subscription(subscribe='type = "page"')) == ["m-1"]
    assert ids(subscription(), subscription(enabled=False)) == ["m-1"]
    own = subscription(mapping={"event_type": "E", "insert_id": "own", **USER})
    assert ids(own) == ["own"]


def test_two_mappings_of_one_message_both_count() -> None:
    first, second = ids(subscription(), subscription("Funnel", subscribe='event = "Signed Up"'))
    assert first != second
    assert first.startswith("m-1-")
    assert second.startswith("m-1-")


@pytest.mark.parametrize("key", ["id", "name"])
def test_no_edit_changes_an_id(key: str) -> None:
    three = [subscription(str(n), **{key: f"the {n}"}) for n in range(3)]
    of = dict(zip("012", ids(*three), strict=True))
    assert len(set(of.values())) == 3
    for order in permutations(range(3)):
        assert ids(*(three[n] for n in order)) == [of[str(n)] for n in order]
    edited = [{**one, "mapping": {"event_type": "Other", **USER}} for one in three]
    assert ids(*edited) == list(of.values())
    assert ids(*edited[1:]) == list(of.values())[1:]
    failing = {"event_type": {"@path": "$.nothing"}, **USER}
    broken = [three[0], {**three[1], "mapping": failing}]
    assert ids(*broken) == [of["0"]], "it is sent again once the other is mended"


def test_what_is_known_by_the_same_is_told_apart() -> None:
    for same in ({"id": "a"}, {"name": "a"}, {"id": "a", "name": "b"}, {}):
        assert len(set(ids(*(subscription(**same) for _ in range(4))))) == 4
    assert len(set(ids(subscription(id="a"), subscription(name="a"), subscription()))) == 3


def test_the_items_of_one_subscription_have_each_their_own() -> None:
    products = {"products": [{"price": 1}, {"price": 2}], "revenue": 3}
    event = {**EVENT, "event": "Order Completed", "properties": products}
    purchase = {
        "subscribe": 'type = "track"',
        "partnerAction": "logPurchase",
        "mapping": {
            "event_type": "KeyOrder",
            "products": {"@arrayPath": ["$.properties.products", {"price": {"@path": "$.price"}}]},
            **USER,
        },
    }
    assert ids(purchase, event=event) == ["m-1", "m-1-2", "m-1-3"]
    found = ids({**purchase, "id": "a"}, {**purchase, "id": "b"}, subscription(), event=event)
    assert len(set(found)) == len(found) == 7


def test_without_a_message_id_there_is_none() -> None:
    assert ids(subscription(), subscription(), event={**EVENT, "messageId": ""}) == []


def test_two_destinations_of_one_project_do_not_take_each_others_items_away() -> None:
    def destination(name: str, key: str) -> Destination:
        return Destination(name=name, settings=AmplitudeKeys.model_validate({"apiKey": key}))

    settings = Settings(destinations=(destination("a", "k"), destination("b", "k"), destination("c", "l")))
    found = [one.items(EVENT)[0][0].body["insert_id"] for one in destinations_of(settings).values()]
    assert len(set(found)) == 3
    assert found[2] == "m-1"


def test_what_makes_no_named_item_changes_no_id() -> None:
    """A mapping of users has no insert id, and one whose required field is mapped from nothing makes none."""
    users = subscription(partnerAction="mapUser", mapping={"user_id": {"@path": "$.userId"}})
    nothing = subscription(mapping={"event_type": "", **USER})
    for beside in (users, nothing, subscription(partnerAction="sessionId"), subscription(enabled="false")):
        assert ids(subscription(), beside) == ["m-1"], beside


@pytest.mark.parametrize("alone", [True, False])
def test_users_and_groups_are_named_as_events_are(alone: bool) -> None:
    identify = subscription(partnerAction="identifyUser", mapping=USER)
    group = subscription(
        partnerAction="groupIdentifyUser", mapping={**USER, "group_type": "org", "group_value": "o-1"}
    )
    for one in (identify, group):
        found = ids(one) if alone else ids(one, subscription())
        assert len(set(found)) == len(found) == (1 if alone else 2)
        assert all(each.startswith("m-1") for each in found)
        assert (found[0] == "m-1") is alone
