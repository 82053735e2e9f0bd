"""``forwarder check``: what a usable configuration leaves open, what serve cannot start with, and NATS."""

import asyncio
import errno
import json
import os
import socket
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

from browser_plugin.settings import settings_doubts
from forwarder.addresses import is_loopback
from forwarder.amplitude.problems import warnings_of
from forwarder.cdn.session_settings import mapping_doubts, session_settings
from forwarder.config.sessions import page_part
from forwarder.config.settings import Settings
from forwarder.enrichment.code import enrichments_of
from forwarder.errors import ConfigError, SpoolError
from forwarder.opening import open_configured, try_configured
from forwarder.spool.location import is_stream_url


def refused_stream(settings: Settings) -> list[str]:
    """Try the stream that the spool is in, if it is in one; return what is wrong with it."""
    try:
        asyncio.run(try_configured(settings.spool))
    except SpoolError as error:
        return [f"spool.path: {error}"]
    return []


def doubts_of(settings: Settings) -> list[str]:
    """Return one line for everything that works, but probably not as it is meant."""
    return [doubt for doubts in _DOUBTS for doubt in doubts(settings)]


def _subscription_doubts(settings: Settings) -> Iterator[str]:
    for one in settings.destinations:
        yield from (f"destinations.{one.name}: {doubt}" for doubt in warnings_of(one.subscriptions))


def _source_doubts(settings: Settings) -> Iterator[str]:
    """Say which events no destination gets."""
    wanted = [one.sources for one in settings.destinations]
    if not wanted:
        yield "destinations: there is none: events are kept in the spool until there is one"
        return
    for source in settings.sources:
        if not any(names is None or source.name in names for names in wanted):
            yield f"sources.{source.name}: no destination takes its events"


def _address_doubts(settings: Settings) -> Iterator[str]:
    """Say that pages cannot learn this forwarder's address: a request's Host may say anything."""
    server = settings.server
    if server.public_url or (is_loopback(_in_host(server.host)) and not server.trusted_proxies):
        return
    where = f"server.host is {server.host}" if not server.trusted_proxies else "there are trusted proxies"
    yield (
        f"server.public_url: is empty, though {where}: only pages on this machine get their settings"
        " document; set it to the address at which pages reach the forwarder, like https://events.example.com"
    )


def _asset_doubts(settings: Settings) -> Iterator[str]:
    assets = settings.server.assets
    if not (assets / "page" / "session-plugin.js").is_file():
        yield (
            f"server.assets: {assets} has no page/session-plugin.js: pages are served without the plugin;"
            ' build it (python3 build.py build), or leave assets = ""'
        )
    elif missing := _missing_files(assets / "page"):
        yield f"server.assets: {assets} lacks page/{missing[0]}, which its manifest names; build it again"


def _runtime_doubts(settings: Settings) -> Iterator[str]:
    """Say that stock Pyodide is not there, which only a checkout's build brings."""
    page = settings.server.assets / "page"
    if not (page / "session-plugin.js").is_file() or (page / "pyodide" / "pyodide.mjs").is_file():
        return
    for source in settings.sources:
        if session_settings(settings, source).get("runtime") == "pyodide":
            yield (
                f'sources.{source.name}: runtime = "pyodide", and {page} has no stock Pyodide: pages run the'
                " compiled rules unless they bring their own; build it (python3 build.py build)"
            )


def _missing_files(page: Path) -> list[str]:
    """Return which files of a build are not there, by its manifest; stock Pyodide's are for development."""
    try:
        files = json.loads((page / "manifest.json").read_text(encoding="utf-8"))["files"]
    except (OSError, ValueError, KeyError):
        return []  # a folder of one's own making
    return [name for name in files if not name.startswith("pyodide/") and not (page / name).is_file()]


def _session_doubts(settings: Settings) -> Iterator[str]:
    yield from (f"session.{doubt}" for doubt in settings_doubts(page_part(settings.session)))
    yield from mapping_doubts(settings)
    for source in settings.sources:
        yield from (
            f"sources.{source.name}.session.{doubt}" for doubt in settings_doubts(page_part(source.session))
        )


def _encryption_doubts(settings: Settings) -> Iterator[str]:
    for one in settings.destinations:
        url = urlsplit(one.base_url or "")
        if url.scheme == "http" and not is_loopback(url.netloc):
            yield (
                f"destinations.{one.name}.base_url: keys and events travel unencrypted to {url.hostname};"
                " use https"
            )


_DOUBTS: tuple[Callable[[Settings], Iterable[str]], ...] = (
    _subscription_doubts,
    _source_doubts,
    _address_doubts,
    _asset_doubts,
    _runtime_doubts,
    _session_doubts,
    _encryption_doubts,
)


def _in_host(address: str) -> str:
    return f"[{address}]" if ":" in address else address


def start_problems(settings: Settings) -> list[str]:
    """Return one line for everything on this machine with which ``serve`` cannot start."""
    return [
        *_spool_problems(settings),
        *_listen_problems(settings.server.host, settings.server.port),
        *_code_problems(settings),
    ]


def _code_problems(settings: Settings) -> list[str]:
    try:
        enrichments_of(settings)
    except ConfigError as error:
        return error.problems
    return []


def _spool_problems(settings: Settings) -> Iterator[str]:
    in_stream = is_stream_url(settings.spool.path)
    name = "copy_path" if in_stream else "path"
    file = Path(getattr(settings.spool, name))
    folder = file.parent
    if not folder.is_dir():
        yield f"spool.{name}: there is no folder {folder}; make it, or name another"
    elif file.is_dir():
        yield f"spool.{name}: {file} is a folder; name a file in it"
    elif not os.access(folder, os.W_OK | os.X_OK):
        yield f"spool.{name}: the folder {folder} is not writable for this user; change its owner or mode"
    elif file.exists() and not os.access(file, os.R_OK | os.W_OK):
        yield f"spool.{name}: {file} is not readable and writable for this user; change its owner or mode"
    elif not in_stream and file.exists() and file.stat().st_size:
        try:
            asyncio.run(_try_file(settings))
        except SpoolError as error:
            yield f"spool.{name}: {error}"


async def _try_file(settings: Settings) -> None:
    """Open the spool's file beside whoever has it, and close it again. Raises SpoolError."""
    spool = await open_configured(settings.spool, tool=True)
    await spool.close()


def _listen_problems(host: str, port: int) -> Iterator[str]:
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((host, port))
        except OSError as error:
            if error.errno != errno.EADDRINUSE:  # which the running forwarder itself may do
                reason = error.strerror or str(error)
                yield f"server: cannot listen on {host}:{port}: {reason}; choose another host or port"
