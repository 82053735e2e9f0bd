"""The memory that requests may hold, all connections and sources together."""


class RequestMemory:
    """The bound on the bytes of all requests that are not answered yet, in two halves.

    One half is for what connections receive (``held``), the other for what the ingest makes of that: inflated
    bodies, and events that wait for the spool (``ingested``). So senders that dawdle take nothing from
    requests that are here, and these cut off nobody. ``most``: bytes, ``limits.unanswered_bytes``.
    """

    __slots__ = ("_share", "held", "ingested")

    def __init__(self, most: int) -> None:
        self._share = most // 2
        self.held = 0
        self.ingested = 0

    @property
    def exceeded(self) -> bool:
        """Whether connections hold more than their half."""
        return self.held > self._share

    def fits(self, size: int, own: int = 0) -> bool:
        """Return whether the ingest may hold ``size`` more bytes for a request that holds ``own`` already.

        A request that is alone always may: what it can become is bounded, and else it would wait for ever.
        """
        return self.ingested == own or self.ingested + size <= self._share

    def add(self, size: int) -> None:
        """Count ``size`` bytes that a connection holds from now on."""
        self.held += size

    def release(self, size: int) -> None:
        """Count ``size`` bytes that a connection no longer holds."""
        self.held -= size


class HeldMemory:
    """The memory that the ingest of one request holds, in bytes, until it is released."""

    __slots__ = ("_memory", "_size")

    def __init__(self, memory: RequestMemory) -> None:
        self._memory = memory
        self._size = 0

    def add(self, size: int) -> bool:
        """Hold ``size`` bytes more, where they fit; return whether they did."""
        if not self._memory.fits(size, self._size):
            return False
        self._size += size
        self._memory.ingested += size
        return True

    def release(self) -> None:
        """Hold nothing any more."""
        self._memory.ingested -= self._size
        self._size = 0
