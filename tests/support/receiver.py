"""The smallest Amplitude that will do: takes everything, remembers every item, can be told to refuse."""

import asyncio
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs

from tests.support.waiting import PAUSE_S


class Receiver:
    """What arrived, by path."""

    def __init__(self) -> None:
        self.items: list[tuple[str, dict[str, Any]]] = []
        self.requests: list[tuple[str, bytes]] = []
        """Path and body of each request."""
        self.url = ""

    def stopping(self) -> asyncio.Event:
        """Return what is set, in the running event loop, once something has arrived."""
        stop, loop = asyncio.Event(), asyncio.get_running_loop()

        def look() -> None:
            if self.items:
                stop.set()
            else:
                loop.call_later(PAUSE_S, look)

        look()
        return stop

    def events(self) -> list[dict[str, Any]]:
        """Return the events of httpapi and batch, in order."""
        return [item for path, item in self.items if path in ("/2/httpapi", "/batch")]

    def take(self, path: str, media: str, body: bytes) -> None:
        """Remember one request and its items."""
        self.requests.append((path, body))
        if media.startswith("application/json"):
            items = json.loads(body)["events"]
        else:
            form = parse_qs(body.decode())
            [field] = [name for name in form if name in ("identification", "mapping")]
            items = json.loads(form[field][0])
        self.items += [(path, item) for item in (items if isinstance(items, list) else [items])]


@contextmanager
def receiver() -> Iterator[Receiver]:
    """Run one on a free port."""
    received = Receiver()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            received.take(self.path, self.headers["content-type"], body)
            self.send_response(200)
            self.send_header("content-length", "12")
            self.end_headers()
            self.wfile.write(b'{"code":200}')

        def log_message(self, *_: object) -> None: ...

    with listening(Handler) as received.url:
        yield received


@contextmanager
def listening(handler: type[BaseHTTPRequestHandler]) -> Iterator[str]:
    """Run a web server on a free port while the block lasts; gives its address."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(PAUSE_S,))  # between looks whether to end
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
