"""How both demo programs listen: one port, one clear line where that cannot be."""

import argparse
import socket
import sys

import uvicorn
from starlette.applications import Starlette


def options(name: str, about: str | None, port: int) -> argparse.ArgumentParser:
    """Return a command line with ``--host`` and ``--port``."""
    parser = argparse.ArgumentParser(
        prog=f"python -m {name}", description=about, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--host", default="127.0.0.1", help="address to listen on (default: this machine only)"
    )
    parser.add_argument(
        "--port", type=int, default=port, help=f"port to listen on (default: {port}); 0 for a free one"
    )
    return parser


def serve(app: Starlette, host: str, port: int) -> None:
    """Serve until a signal ends it. A port that cannot be had ends the program with one line."""
    try:
        listener = socket.create_server((host, port))
    except OSError as error:
        print(
            f"cannot listen on {host}:{port}: {error.strerror}; choose another with --port", file=sys.stderr
        )
        raise SystemExit(1) from None
    with listener:
        print(f"http://{host}:{listener.getsockname()[1]}", flush=True)
        config = uvicorn.Config(app, log_level="warning", timeout_graceful_shutdown=2)
        uvicorn.Server(config).run(sockets=[listener])
