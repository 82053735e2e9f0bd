"""The actions on users and groups: identifyUser, groupIdentifyUser, mapUser, and deletion."""

from collections.abc import Sequence
from typing import cast

from forwarder.amplitude.actions.attribution import attributed
from forwarder.amplitude.actions.common import agent_fields, min_id_length, platform
from forwarder.amplitude.payload.dates import read_utc
from forwarder.amplitude.payload.validation import Payload, Values
from forwarder.amplitude.wire.endpoints import Endpoint
from forwarder.amplitude.wire.items import Item
from forwarder.amplitude.wire.limits import DELETED_USERS


def identify_user(payload: Payload, message_id: str | None) -> list[Item]:
    """Return the identification."""
    options = payload.options
    body = agent_fields(options)
    body.update(payload.sent)
    user = attributed(options, own_first=False)
    if user is not None:
        body["user_properties"] = user
    shown = platform(options)
    if shown is not None:
        body["platform"] = shown
    if message_id is not None:
        body.setdefault("insert_id", message_id)
    body["library"] = "segment"
    return [Item(Endpoint.IDENTIFY, body, min_id_length(options), as_object=True)]


def group_identify_user(payload: Payload, message_id: str | None, now: int) -> list[Item]:
    """Return the user's group, if there is a user, then the group's properties; ``now``: ms, for its time."""
    fields = payload.sent
    kind, value = cast("str", fields["group_type"]), fields["group_value"]
    shortest = min_id_length(fields)
    items = []
    if fields.get("user_id") or fields.get("device_id"):
        time = fields.get("time")
        user: Values = {
            "groups": {kind: value},
            "library": "segment",
            "time": now if time is None else read_utc(time),
            "user_properties": {kind: value},
        }
        user.update((name, fields[name]) for name in ("user_id", "device_id") if name in fields)
        insert_id = fields.get("insert_id", message_id)
        if insert_id is not None:
            user["insert_id"] = insert_id
        items.append(Item(Endpoint.IDENTIFY, user, shortest))
    group: Values = {"group_value": value, "group_type": kind, "library": "segment"}
    if "group_properties" in fields:
        group["group_properties"] = fields["group_properties"]
    items.append(Item(Endpoint.GROUPIDENTIFY, group, shortest, after_previous=bool(items)))
    return items


def map_user(payload: Payload) -> list[Item]:
    """Return the mapping of one user id to another; every field is sent as it is."""
    return [Item(Endpoint.USERMAP, payload.sent, min_id_length(payload.sent))]


def delete_users(user_ids: Sequence[str]) -> list[Item]:
    """Return the deletion of users, for as many requests as it takes."""
    return [
        Item(
            Endpoint.DELETIONS, {"user_ids": list(user_ids[at : at + DELETED_USERS]), "requester": "segment"}
        )
        for at in range(0, len(user_ids), DELETED_USERS)
    ]
