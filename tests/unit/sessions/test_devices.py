"""The devices of a spool: what a transaction has changed counts at once, and is kept or undone as a whole."""

from __future__ import annotations

import msgspec

from forwarder.sessions.device import Device, Session
from forwarder.sessions.devices import Devices
from forwarder.sessions.facts import device_key, user_key

ADA, BOB, EVE = (device_key("", name) for name in ("ada", "bob", "eve"))


def device(row: int, user: str = "") -> Device:
    return Device(Session(1, 1, 1, 0), (), user and user_key("", user), "shop", 0, row)


def two() -> Devices:
    """Return two devices that are committed; Ada was seen on hers."""
    devices = Devices()
    devices.put(ADA, None, device(1, "ada"))
    devices.put(BOB, None, device(2))
    devices.users.set(user_key("", "ada"), ADA)
    devices.commit()
    return devices


def test_without_a_device_there_is_nothing() -> None:
    devices = Devices()
    assert (devices.replaced, len(devices), list(devices.items())) == ([], 0, [])


def test_a_state_that_is_replaced_twice_gives_up_its_row_once() -> None:
    devices = two()
    devices.put(ADA, devices.get(ADA), device(3))
    devices.put(ADA, devices.get(ADA), device(3))
    devices.put(EVE, None, device(3))
    assert (devices.replaced, len(devices)) == ([1], 3)
    devices.commit()
    assert (devices.replaced, len(devices), len(devices.values)) == ([], 3, 3)


def test_a_device_that_was_forgotten_is_gone_at_once_and_may_come_back() -> None:
    devices = two()
    devices.forget(ADA)
    devices.forget(ADA)
    assert (devices.get(ADA), devices.users.get(user_key("", "ada")), len(devices)) == (None, None, 1)
    assert [key for key, _ in devices.items()] == [BOB]
    devices.put(ADA, devices.get(ADA), device(3))
    assert (devices.replaced, len(devices), devices.get(ADA)) == ([1], 2, device(3))
    devices.commit()
    assert (len(devices), devices.get(ADA), devices.users.values) == (2, device(3), {})


def test_what_a_transaction_did_is_undone_as_a_whole() -> None:
    devices = two()
    devices.put(EVE, None, device(3))
    devices.forget(ADA)
    devices.undo()
    assert (devices.replaced, len(devices), devices.get(EVE)) == ([], 2, None)
    assert (devices.get(ADA), devices.users.get(user_key("", "ada"))) == (device(1, "ada"), ADA)


def test_devices_of_a_deleted_user_go_also_where_the_transaction_has_just_put_them() -> None:
    devices = two()
    devices.put(EVE, None, device(3, "ada"))
    devices.put(user_key("", "ada"), None, device(3))
    assert devices.forget_users(lambda name: name == "ada") == {ADA, EVE, user_key("", "ada")}
    assert ([key for key, _ in devices.items()], len(devices)) == ([BOB], 1)
    devices.commit()
    assert (set(devices.values), devices.users.values) == ({BOB}, {})


def test_an_id_is_a_users_where_no_device_is_named_alone() -> None:
    devices = two()
    devices.put(user_key("", "bob"), None, device(3))
    devices.put(user_key("", "eve"), None, device(3))
    assert devices.forget_users(lambda name: name == "bob") == {user_key("", "bob")}
    assert {key for key, _ in devices.items()} == {ADA, BOB, user_key("", "eve")}, "BOB is a device's name"


def test_a_user_was_last_seen_on_the_device_of_the_last_event_whatever_its_name() -> None:
    seen = {EVE: (7, 1), BOB: (9, 2), ADA: (9, 1)}
    devices = Devices()
    devices.load(
        {key: msgspec.structs.replace(device(row, "ada"), seen=at) for key, (at, row) in seen.items()}
    )
    assert devices.users.values == {user_key("", "ada"): BOB}
