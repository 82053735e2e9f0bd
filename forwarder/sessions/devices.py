"""All devices of one spool, and on which of them each user was seen last; with transactions."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from forwarder.sessions.device import Device
from forwarder.sessions.facts import id_of, is_device
from forwarder.sessions.undoable import Undoable


class Devices(Undoable[Device]):
    """The devices by key, counted: they are changed by ``put`` and the ways to forget them alone.

    ``users``: user to the device he was last seen on; who asks sees whether that still is so.
    ``replaced``: of each state that the transaction has put another in place of, the spool's row;
    ``grown``: by how many devices more or less there are.
    """

    __slots__ = ("grown", "replaced", "users")

    def __init__(self) -> None:
        super().__init__()
        self.users: Undoable[str] = Undoable()
        self.replaced: list[int] = []
        self.grown = 0

    def __len__(self) -> int:
        """Return the number of devices."""
        return len(self.values) + self.grown

    def put(self, key: str, before: Device | None, device: Device) -> None:
        """Set a device. ``before``: as it stands now, None for a new one."""
        if before is None:
            self.grown += 1
        elif key not in self.changed:
            self.replaced.append(before.row)
        self.changed[key] = device

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
        self.replaced, self.grown = [], 0

    def undo(self) -> None:
        """Undo what was changed since the last commit."""
        super().undo()
        self.users.undo()
        self.replaced, self.grown = [], 0

    def forget(self, key: str) -> None:
        """Forget a device, and that its user was seen on it."""
        device = self.get(key)
        if device is None:
            return
        self._leave_out(key, device)
        if self.users.get(device.user) == key:
            self.users.remove(device.user)

    def _leave_out(self, key: str, device: Device) -> None:
        if key not in self.changed:
            self.replaced.append(device.row)
        self.grown -= 1
        self.remove(key)

    def forget_users(self, is_deleted: Callable[[str], bool]) -> set[str]:
        """Forget the devices of deleted users; return their keys. ``is_deleted``: tells by a user's id."""
        found = {
            key: one
            for key, one in self.items()
            if (one.user and is_deleted(id_of(one.user))) or (not is_device(key) and is_deleted(id_of(key)))
        }
        for key, one in found.items():
            self._leave_out(key, one)
        for user in [user for user, key in self.users.items() if key in found]:
            self.users.remove(user)
        return set(found)
