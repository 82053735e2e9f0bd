"""Running the application: sockets, signals and the event loop."""

import asyncio
import contextlib
import gc
import os
import resource
import signal
import socket
import time
from collections.abc import Callable, Coroutine
from typing import Any

import structlog
import uvicorn
import uvloop
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from forwarder import metrics
from forwarder.addresses import with_mapped
from forwarder.app import Forwarder, now_ms
from forwarder.asgi import create_app, create_status_app
from forwarder.config.settings import Limits, Settings
from forwarder.errors import ConfigError, ForwarderError
from forwarder.faults import fault_of
from forwarder.http.listening import inherited, listen
from forwarder.http.protocol import limited
from forwarder.prefixes import BelowPrefix

log = structlog.get_logger()
_OTHER_FILES = 256
"""Descriptors for everything but senders: the spool's files, connections to Amplitude and NATS."""
_FILES_EACH = 2
"""Descriptors of one connection: its socket, and the file that it is being sent."""
_LOOK_S = 0.2
_LAST_ANSWERS_S = 2.0
"""How long before a stop's end nothing waits any more for a silent stream: it may take one second then."""


def serve(load: Callable[[], Settings]) -> None:
    """Serve until SIGINT or SIGTERM; SIGHUP has the configuration loaded again. Raises ForwarderError."""
    settings = load()
    os.umask(0o077)  # events are personal data: the spool is for this user alone
    limits = _with_room(settings.limits)
    if not settings.destinations:
        log.warning("no destination is configured: events are kept in the spool until there is one")
    forwarder = Forwarder(settings, now_ms)
    server = _Server(_server_config(settings, forwarder, limits), forwarder)
    for number in (signal.SIGINT, signal.SIGTERM):  # while serving uvicorn has its own, and raises them again
        signal.signal(number, lambda *_: server.stop_soon())
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # nothing has been read that could be read again
    listener = inherited() or listen(settings.server.host, settings.server.port)
    with listener, asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_with_status(forwarder, _serve(server, forwarder, listener, load)))


class _Server(uvicorn.Server):
    """uvicorn's server, which says where it listens once it does."""

    def __init__(self, config: uvicorn.Config, forwarder: Forwarder) -> None:
        super().__init__(config)
        self._forwarder = forwarder
        self._stop_by = 0.0

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Answer who waits, also where the spool's stream is silent, within ``stop_seconds``."""
        seconds = self._forwarder.settings.server.stop_seconds
        self._stop_by = time.monotonic() + seconds
        self._forwarder.spool.end_within(max(0.0, seconds - _LAST_ANSWERS_S))
        await super().shutdown(sockets)

    def left(self) -> float | None:
        """Return how many of ``stop_seconds`` are left; None where it has not come to a stop."""
        return max(0.0, self._stop_by - time.monotonic()) if self._stop_by else None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, then say where."""
        await super().startup(sockets)
        for listener in sockets or ():
            host, port = listener.getsockname()[:2]
            host = f"[{host}]" if ":" in host else host
            log.info("listening", address=f"http://{host}:{port}")

    def stop_soon(self) -> None:
        """Stop as soon as it can, even before it has started."""
        self.should_exit = True


def _server_config(settings: Settings, forwarder: Forwarder, limits: Limits) -> uvicorn.Config:
    app: Any = create_app(forwarder)
    trusted = settings.server.trusted_proxies
    if trusted:
        app = ProxyHeadersMiddleware(app, trusted_hosts=with_mapped(trusted))
    return uvicorn.Config(
        # The connection's own peer must still be seen where a prefix is believed.
        BelowPrefix(app, trusted, lambda: forwarder.settings.server.path_prefix),
        http=limited(limits, forwarder.memory.requests),
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=round(settings.server.stop_seconds),
    )


class _StatusServer(uvicorn.Server):
    """The server of the status port; signals are the other one's."""

    def capture_signals(self) -> contextlib.AbstractContextManager[None]:  # type: ignore[override]
        """Leave signals alone."""
        return contextlib.nullcontext()


async def _with_status(forwarder: Forwarder, work: Coroutine[Any, Any, None]) -> None:
    """Do the work while the status port, if there is one, answers."""
    server = forwarder.settings.server
    if server.status_port is None:
        await work
        return
    try:
        listener = listen(server.host, server.status_port)
    except ConfigError:
        work.close()
        raise
    with listener:
        config = uvicorn.Config(
            create_status_app(forwarder), lifespan="off", ws="none", log_config=None, access_log=False
        )
        status = _StatusServer(config)
        answering = asyncio.create_task(status.serve(sockets=[listener]))
        log.info("status port", port=listener.getsockname()[1])
        try:
            await work
        finally:
            status.should_exit = True
            await answering


async def _serve(
    server: _Server, forwarder: Forwarder, listener: socket.socket, load: Callable[[], Settings]
) -> None:
    if not await _started(server, forwarder):
        return
    lost = asyncio.create_task(forwarder.spool.lost())
    stopped = False

    def end(_: object) -> None:
        nonlocal stopped
        stopped = server.should_exit  # whoever stops need not be told that the stream did not wait for it
        server.stop_soon()

    lost.add_done_callback(end)
    reloading: set[asyncio.Task[None]] = set()

    def reload() -> None:
        task = asyncio.create_task(_reload(forwarder, load))
        reloading.add(task)
        task.add_done_callback(reloading.discard)

    asyncio.get_running_loop().set_exception_handler(count_unheard_of)
    asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, reload)
    # Configuration and compiled mappings live as long as the process: collections need not look at them.
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 50, 100)
    try:
        await server.serve(sockets=[listener])
    finally:
        try:
            await forwarder.stop(server.left())
        finally:
            # The loop's end would leave SIGHUP to the system, which ends a process by it in the last moment.
            asyncio.get_running_loop().remove_signal_handler(signal.SIGHUP)
            signal.signal(signal.SIGHUP, signal.SIG_IGN)
            if lost.done() and not stopped:  # which explains whatever else went wrong
                raise lost.result() from None
    lost.cancel()


def count_unheard_of(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Count and log what failed in a task or callback that nobody looks after."""
    metrics.FAULTS.add("", "loop")
    error = context.get("exception")
    log.error(
        "our own code failed, and the forwarder goes on",
        where="loop",
        fault=fault_of(error) if isinstance(error, BaseException) else str(context.get("message")),
    )


async def _started(server: _Server, forwarder: Forwarder) -> bool:
    """Start; tell whether it was not stopped before, for it may have to wait for another forwarder's end."""
    starting = asyncio.create_task(forwarder.start())
    while not (await asyncio.wait((starting,), timeout=_LOOK_S))[0]:
        if server.should_exit:
            starting.cancel()
            await asyncio.gather(starting, return_exceptions=True)  # whatever else went wrong, it is over
            return False
    await starting
    return True


def _with_room(limits: Limits) -> Limits:
    """Raise this process' limit of open files as far as it may; return the limits with what then fits."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = limits.connections * _FILES_EACH + _OTHER_FILES
    if soft == resource.RLIM_INFINITY or soft >= needed:
        return limits
    soft = needed if hard == resource.RLIM_INFINITY else min(needed, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    fitting = fitting_connections(limits.connections, soft)
    if fitting < limits.connections:
        log.warning("fewer connections fit than limits.connections says", files=soft, connections=fitting)
    return limits.model_copy(update={"connections": fitting})


def fitting_connections(wanted: int, files: int) -> int:
    """Return how many of the wanted connections fit into a process that may open ``files``."""
    return min(wanted, max(1, (files - _OTHER_FILES) // _FILES_EACH))


async def _reload(forwarder: Forwarder, load: Callable[[], Settings]) -> None:
    try:
        await forwarder.reload(await asyncio.to_thread(load))
    except ForwarderError as error:
        problems = error.problems if isinstance(error, ConfigError) else [str(error)]
        log.error("configuration not reloaded, the old one stays", problems=problems)
    except Exception as error:
        metrics.FAULTS.add("", "reload")
        log.error("configuration not reloaded, the old one stays", fault=fault_of(error))
