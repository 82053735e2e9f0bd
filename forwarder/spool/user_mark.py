"""The mark of a deleted user."""

from typing import NamedTuple


class UserMark(NamedTuple):
    """The mark of one user, for one destination ("": all).

    ``mark``: a hash of the ordering key with ``key``, which is random and the same for all marks of a spool;
    ``upto``: the highest seq of the events accepted before the deletion; ``until``: ms since the epoch,
    events received before it are covered as well, 0: none.
    """

    mark: bytes
    key: bytes
    destination: str
    upto: int
    until: int
