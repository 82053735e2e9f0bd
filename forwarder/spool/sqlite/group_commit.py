"""One thread that writes to SQLite: whatever waits is committed together."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
import threading
import time
from collections.abc import Callable
from queue import Empty, SimpleQueue
from typing import Generic, NamedTuple, Protocol, TypeVar

import structlog

from forwarder.errors import ForwarderError, SpoolError, SpoolLost
from forwarder.spool.sqlite.disk import is_full

T = TypeVar("T")
_log = structlog.get_logger(__name__)
_MAX_JOBS = 512
"""Jobs in one commit: bounds what one failing job makes the others repeat."""
_GATHER_S = 0.002
"""How long a commit waits for company if the one before had some: a sixth less CPU for each single event."""


class Job(NamedTuple):
    """Work inside a transaction; ``after`` runs once it is durable, in the writer's thread too."""

    work: Callable[[], object]
    after: Callable[[], None]
    future: asyncio.Future[object]


class TransactionHooks(Protocol[T]):
    """The hooks around the jobs of a transaction, called in the writer's thread."""

    def begin(self) -> None:
        """Prepare a transaction that is about to begin."""

    def finish(self) -> None:
        """Write what is left: all jobs are done, and the commit follows."""

    def committed(self) -> list[T]:
        """Note that it is durable; return what listeners get of it."""
        ...

    def rolled_back(self) -> None:
        """Let go of what others wait for: nothing of it was written."""

    def relieve(self) -> None:
        """Make room on a full disk."""


class GroupCommit(Generic[T]):
    """Group commit: a commit that is under way gathers those who come meanwhile for the next one.

    The thread owns ``_database``, ``_steps``, ``_news`` and ``_group``; the event loop submits jobs and gets
    their results. What changes the file asserts where it runs.
    """

    def __init__(
        self,
        database: sqlite3.Connection,
        steps: TransactionHooks[T],
        listener: Callable[[list[T]], None],
        loop: asyncio.AbstractEventLoop,
        lost: Callable[[SpoolError], None],
    ) -> None:
        """Start the thread; ``listener`` is called in the loop with what ``steps`` returns of each commit.

        ``lost`` is called in the loop when the thread ends by an error: nothing is written from then on, all
        futures fail, and the process has to end.
        """
        self._database = database
        self._steps = steps
        self._listener = listener
        self._news: list[T] = []
        self._group: list[Job] = []
        """The jobs under way."""
        self._loop = loop
        self._lost = lost
        self._error: SpoolLost | None = None
        self._jobs: SimpleQueue[Job | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="spool-writer", daemon=True)
        self._thread.start()

    @property
    def is_own_thread(self) -> bool:
        """Whether the caller runs in the writer's thread, which owns the connection and the transaction."""
        return threading.get_ident() == self._thread.ident

    def submit(self, work: Callable[[], object], after: Callable[[], None]) -> asyncio.Future[object]:
        """Have ``work`` done in the next transaction; the future is done once it is durable."""
        future: asyncio.Future[object] = self._loop.create_future()
        self._jobs.put(Job(work, after, future))
        if self._error is not None:
            self._refuse_all()
        return future

    async def close(self) -> None:
        """Finish all that was submitted and end the thread."""
        self._jobs.put(None)
        await self._loop.run_in_executor(None, self._thread.join)

    def _run(self) -> None:
        """Serve until closed; everybody who waits or comes gets the error that ends the thread otherwise."""
        try:
            self._serve()
        except BaseException as error:
            _log.exception("the spool's writer failed")
            self._error = SpoolLost(
                f"the spool's writer failed ({type(error).__name__}: {error}); see the log, and start again"
            )
            with contextlib.suppress(RuntimeError):  # the loop has ended
                self._loop.call_soon_threadsafe(self._give_up, self._error)

    def _give_up(self, error: SpoolLost) -> None:
        """In the loop: the thread is gone, or about to be."""
        self._error = error
        self._lost(error)
        for job in self._group:
            _fail(job, error)
        self._refuse_all()

    def _refuse_all(self) -> None:
        """Fail whatever was submitted and will not be done any more."""
        assert self._error is not None
        with contextlib.suppress(Empty):
            while job := self._jobs.get_nowait():
                _fail(job, self._error)
            self._jobs.put(None)  # it was the thread's, which may still be there

    def _serve(self) -> None:
        in_company = False
        while job := self._jobs.get():
            group = self._group = [job]
            ending, self._news = False, []
            if in_company:
                time.sleep(_GATHER_S)
            while not self._jobs.empty() and len(group) < _MAX_JOBS:
                more = self._jobs.get()
                if more is None:
                    ending = True
                    break
                group.append(more)
            in_company = len(group) > 1
            self._report(self._commit(group), self._news)
            self._group = []
            if ending:
                return

    def _commit(
        self, group: list[Job], *, relieved: bool = False
    ) -> list[tuple[asyncio.Future[object], object]]:
        """Return each job's future with its result or its error.

        Raises what goes wrong behind COMMIT: the jobs are durable then, but what is known in memory of the
        file is not what it holds.
        """
        try:
            self._steps.begin()
            self._database.execute("BEGIN IMMEDIATE")
        except Exception as error:  # nobody can write
            return [(job.future, error) for job in group]
        try:
            results = [_attempt(job) for job in group]
            self._steps.finish()
            self._database.execute("COMMIT")
        except Exception as error:  # handed to whoever waits for it
            with contextlib.suppress(sqlite3.Error):
                if self._database.in_transaction:
                    self._database.execute("ROLLBACK")
            if self._database.in_transaction:
                raise  # nothing could ever be written again
            self._steps.rolled_back()
            if is_full(error) and not relieved:
                with contextlib.suppress(sqlite3.Error):
                    self._steps.relieve()
                return self._commit(group, relieved=True)
            if len(group) == 1:
                return [(group[0].future, error)]
            # One of them spoils it for all: alone, each gets its own answer.
            return [pair for job in group for pair in self._commit([job], relieved=relieved)]
        self._news += self._steps.committed()
        for job, result in zip(group, results, strict=True):
            if not isinstance(result, ForwarderError):
                job.after()
        return [(job.future, result) for job, result in zip(group, results, strict=True)]

    def _report(self, results: list[tuple[asyncio.Future[object], object]], news: list[T]) -> None:
        def report() -> None:
            failure: Exception | None = None
            if news:
                try:
                    self._listener(news)
                except Exception as error:  # some may never hear of these events
                    _log.exception("some events could not be handed to those who wait for them")
                    failure = error
            for future, result in results:
                if future.done():  # whoever waited has gone
                    continue
                if isinstance(result, BaseException):
                    future.set_exception(result)
                else:
                    future.set_result(result)
            # Only now: the thread may not have let go of this group yet, and what it wrote is durable.
            if failure is not None:
                self._give_up(SpoolLost(f"events could not be handed on ({failure}); start again"))

        with contextlib.suppress(RuntimeError):  # the loop has ended: nobody waits any more
            self._loop.call_soon_threadsafe(report)


def _fail(job: Job, error: SpoolError) -> None:
    if not job.future.done():
        job.future.set_exception(error)


def _attempt(job: Job) -> object:
    """Do the work; a refusal by name wrote nothing, so the others need not be rolled back."""
    try:
        return job.work()
    except ForwarderError as error:
        return error
