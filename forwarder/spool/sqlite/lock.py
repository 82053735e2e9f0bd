"""One forwarder per spool file: two would deliver everything twice."""

import fcntl
from pathlib import Path

from forwarder.errors import SpoolDamaged, SpoolInUse


class Lock:
    """A lock that the system lets go of when the process ends, however it ends."""

    def __init__(self, spool: Path) -> None:
        """Take the lock. Raises SpoolInUse, and SpoolDamaged where the folder is missing or not writable."""
        path = spool.with_name(spool.name + "-lock")
        try:
            self._file = path.open("ab")  # whatever lies there stays as it is
        except OSError as error:
            raise SpoolDamaged(f"{path}: {error.strerror}; name a writable folder in [spool] path") from None
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            self._file.close()
            raise SpoolInUse(
                f"{spool} is in use by another forwarder; stop that one or name another file"
            ) from None

    def release(self) -> None:
        """Let others have it."""
        self._file.close()
