"""Running the application: sockets, signals and the event loop."""

import asyncio
import gc
import math
import resource
import signal
import socket
from pathlib import Path

import structlog
import uvicorn
import uvloop

from forwarder.app import create_app
from forwarder.connections import limited
from forwarder.errors import ConfigError, ForwarderError
from forwarder.settings import Settings, load_settings

log = structlog.get_logger()
_OTHER_FILES = 256


def serve(settings: Settings, config: Path | None) -> None:
    """Serve until SIGINT or SIGTERM; SIGHUP reads ``config`` again. Raises ForwarderError."""
    _allow_connections(settings.limits.connections)
    listener = _listen(settings.server.host, settings.server.port)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: None)  # the server raises them again after its graceful stop
    with listener, asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve(settings, config, listener))


class _Server(uvicorn.Server):
    """uvicorn's server, which says where it listens once it does."""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, then say where."""
        await super().startup(sockets)
        for listener in sockets or ():
            host, port = listener.getsockname()[:2]
            host = f"[{host}]" if ":" in host else host
            log.info("listening", address=f"http://{host}:{port}")


async def _serve(settings: Settings, config: Path | None, listener: socket.socket) -> None:
    app = create_app(settings)
    server = _Server(
        uvicorn.Config(
            app,
            http=limited(settings.limits),
            ws="none",
            lifespan="on",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=bool(settings.server.trusted_proxies),
            forwarded_allow_ips=list(settings.server.trusted_proxies),
            timeout_keep_alive=math.ceil(settings.limits.idle_seconds),
            timeout_graceful_shutdown=round(settings.server.stop_seconds),
        )
    )
    reloading: set[asyncio.Task[None]] = set()

    def reload() -> None:
        task = asyncio.create_task(_reload(app.state.forwarder.reload, config))
        reloading.add(task)
        task.add_done_callback(reloading.discard)

    asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, reload)
    # Configuration and compiled mappings live as long as the process: collections need not look at them.
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 50, 100)
    await server.serve(sockets=[listener])
    if not server.started:
        raise ForwarderError("the forwarder could not start; the log says why")


def _allow_connections(wanted: int) -> None:
    """Raise this process' limit of open files so that the wanted connections fit, as far as it may."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = wanted + _OTHER_FILES
    unlimited = hard == resource.RLIM_INFINITY
    if soft != resource.RLIM_INFINITY and soft < needed:
        soft = needed if unlimited else min(needed, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        if soft < needed:
            log.warning("fewer connections fit than limits.connections says", files=soft)


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        reason = error.strerror or str(error)
        raise ConfigError([f"cannot listen on {host}:{port}: {reason}; choose another --port"]) from None
    listener.set_inheritable(True)
    return listener


async def _reload(use: object, config: Path | None) -> None:
    assert callable(use)
    try:
        await use(await asyncio.to_thread(load_settings, config))
    except ForwarderError as error:
        problems = error.problems if isinstance(error, ConfigError) else [str(error)]
        log.error("configuration not reloaded, the old one stays", problems=problems)
