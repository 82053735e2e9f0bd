"""The socket on which senders come: opened here, or by a service manager that keeps it over restarts."""

from __future__ import annotations

import os
import socket
from collections.abc import MutableMapping

from forwarder.errors import ConfigError

_FIRST_INHERITED = 3
"""The first file descriptor that a service manager hands over (sd_listen_fds)."""
_VARIABLES = ("LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES")


def listen(host: str, port: int) -> socket.socket:
    """Return a socket bound to an address; raises ConfigError where that cannot be."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        reason = error.strerror or str(error)
        mend = "choose another --host or --port"
        raise ConfigError([f"cannot listen on {host}:{port}: {reason}; {mend}"]) from None
    listener.set_inheritable(True)
    return listener


def inherited(environment: MutableMapping[str, str] = os.environ) -> socket.socket | None:
    """Return the listening socket that was handed over as systemd does it, None where there is none.

    It stays open while this process is exchanged for the next, so that senders wait for a moment and are
    not refused. ``environment`` says so (LISTEN_PID, LISTEN_FDS); that is taken out for other programs.
    Raises ConfigError for several sockets, or one of another kind.
    """
    meant_for, count = environment.get("LISTEN_PID"), environment.get("LISTEN_FDS", "")
    if meant_for != str(os.getpid()):
        return None
    for name in _VARIABLES:
        environment.pop(name, None)
    if count != "1":
        raise ConfigError(
            [f"LISTEN_FDS is {count!r}: one socket is served; keep one ListenStream= in the unit"]
        )
    try:
        listener = socket.socket(fileno=_FIRST_INHERITED)
    except OSError as error:
        raise ConfigError([f"LISTEN_FDS: file descriptor 3 is no socket: {error.strerror}"]) from None
    if not _accepts(listener):
        listener.detach()
        raise ConfigError(
            ["LISTEN_FDS: file descriptor 3 is no listening TCP socket; the unit needs ListenStream="]
        )
    return listener


def _accepts(listener: socket.socket) -> bool:
    """Return whether TCP connections can be accepted from a socket."""
    if listener.family not in (socket.AF_INET, socket.AF_INET6):
        return False
    return bool(listener.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN))
