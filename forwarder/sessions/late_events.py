"""What events that come late change of others: the renamings of a transaction."""

from __future__ import annotations

from msgspec.structs import replace

from forwarder.sessions.assigner import Change, with_event
from forwarder.sessions.device import Device
from forwarder.sessions.facts import SessionFacts
from forwarder.sessions.renaming import Renaming, SessionNames, who_of


class LateEvents:
    """The renamings of one spool's transactions. ``renamings``: those of the one under way."""

    def __init__(self, names: SessionNames) -> None:
        """``names``: what learns of them once they are durable."""
        self._names = names
        self.renamings: list[Renaming] = []
        self._dated = 0

    def begin(self) -> None:
        """A transaction begins; what one did that came to nothing is undone."""
        self.renamings, self._dated = [], 0
        self._names.release()

    def committed(self, first: int) -> None:
        """The renamings are durable. ``first``: the lowest seq that is still to be handed on."""
        self._names.release(self.renamings, first)

    def change(self, device: Device, event: SessionFacts, key: str, seq: int) -> Change:
        """Return what an event makes of a device. ``key``: the device's; ``seq``: the event's."""
        names = self._names
        change = with_event(device, event, seq, names.upto)
        if not change.renamed:
            return change
        after = names.hold()  # no event of theirs may be handed on until this is durable
        change = with_event(device, event, seq, after)
        who, scope = who_of(key), event.rules.scope
        # ``upto`` is the session's birth until ``date``.
        self.renamings += [
            Renaming(who, scope, old, new, since, after, born) for old, new, since, born in change.renamed
        ]
        return change

    def date(self, base: int, last: int) -> None:
        """Say of the renamings by events that came together up to which seq they hold: the ``last``.

        Those go that concern no event: all that came before, up to the seq ``base``, have been handed on.
        """
        if len(self.renamings) > self._dated:
            some = self.renamings[self._dated :]
            some = [replace(one, upto=last) for one in some if one.after < base or one.upto > base]
            self.renamings[self._dated :] = some
            self._dated = len(self.renamings)
