"""All devices of one spool, and on which of them each user was seen last; with transactions."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from forwarder.sessions.device import Device
from forwarder.sessions.facts import id_of, is_device
from forwarder.sessions.undoable import Undoable


class Devices(Undoable[Device]):
    """The devices by key.

    ``users``: user to the device he was last seen on; who asks sees whether that still is so.
    """

    __slots__ = ("users",)

    def __init__(self) -> None:
        super().__init__()
        self.users: Undoable[str] = Undoable()

    def load(self, devices: Mapping[str, Device]) -> None:
        """Take in what the spool holds."""
        self.values.update(devices)
        users = self.users.values
        for key, device in sorted(devices.items(), key=lambda item: (item[1].seen, item[1].row)):
            if device.user and is_device(key):
                users[device.user] = key

    def commit(self) -> None:
        """Keep what was changed."""
        super().commit()
        self.users.commit()

    def undo(self) -> None:
        """Undo what was changed since the last commit."""
        super().undo()
        self.users.undo()

    def forget(self, key: str) -> None:
        """Forget a device that is there, and that its user was seen on it."""
        user = self.values[key].user
        self.remove(key)
        if self.users.values.get(user) == key:
            self.users.remove(user)

    def forget_users(self, is_deleted: Callable[[str], bool]) -> set[str]:
        """Forget the devices of deleted users; return their keys. ``is_deleted``: tells by a user's id."""
        own = {key for key in self.values if not is_device(key) and is_deleted(id_of(key))}
        found = own | {key for key, one in self.values.items() if one.user and is_deleted(id_of(one.user))}
        for key in found:
            self.remove(key)
        for user in [user for user, key in self.users.values.items() if key in found]:
            self.users.remove(user)
        return found
