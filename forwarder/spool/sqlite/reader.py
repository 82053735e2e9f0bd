"""The thread that reads a spool's file, while another one writes to it."""

from __future__ import annotations

import asyncio
import sqlite3
import traceback
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from forwarder.spool.sqlite.schema import connect

T = TypeVar("T")


class SpoolReader:
    """The reader of a spool's file. Its thread owns the connection; the event loop hands it what to read."""

    def __init__(self, path: Path) -> None:
        """Raises sqlite3.Error."""
        self.connection = connect(path)
        self._thread = ThreadPoolExecutor(1, "spool-reader")

    async def run(self, look: Callable[[sqlite3.Connection], T]) -> T:
        """Return what ``look`` finds, in the reader's thread. Raises what it raises."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._found, look)

    def _found(self, look: Callable[[sqlite3.Connection], T]) -> T:
        try:
            return look(self.connection)
        except BaseException as error:
            # Rows that were not read to their end, held by the error, would keep all later looks at what the
            # file holds now, and the log from beginning anew.
            traceback.clear_frames(error.__traceback__)
            raise

    async def close(self) -> None:
        """Finish what is being read, and close the connection."""
        await asyncio.get_running_loop().run_in_executor(None, self._thread.shutdown)
        self.connection.close()
