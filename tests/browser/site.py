"""A web server on a free port for tests: files, their compressed forms, made-up pages."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

TYPES = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".mjs": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".wasm": "application/wasm",
}
ENCODINGS = {"br": ".br", "gzip": ".gz"}


@dataclass
class Site:
    """Where the server is, what it gives out, and how many bytes it has sent."""

    folder: Path
    pages: dict[str, str] = field(default_factory=dict)
    """Made-up files by path, with the leading slash."""
    types: dict[str, str] = field(default_factory=dict)
    """Types by path, where they are to be other than usual."""
    headers: dict[str, str] = field(default_factory=dict)
    """Sent with every answer."""
    sent: dict[str, int] = field(default_factory=dict)
    """Bytes of the bodies sent, by path."""
    url: str = ""


@contextmanager
def serving(site: Site) -> Iterator[Site]:
    """Serve the site on loopback while the block runs; ``site.url`` ends without a slash."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True  # headers and body go out as two writes: the second would wait 40 ms

        def handle(self) -> None:
            with suppress(ConnectionError):  # a browser that goes away is nothing to report
                super().handle()

        def do_GET(self) -> None:
            path = self.path.partition("?")[0]
            file = site.folder / path.lstrip("/")
            encoding = ""
            if path in site.pages:
                body = site.pages[path].encode()
            elif file.is_file():
                accepted = self.headers.get("Accept-Encoding", "")
                choices = (name for name in ENCODINGS if name in accepted)
                encoding = next((name for name in choices if Path(f"{file}{ENCODINGS[name]}").is_file()), "")
                body = Path(f"{file}{ENCODINGS.get(encoding, '')}").read_bytes()
            else:
                self.send_error(404)
                return
            asked = self.command == "GET"  # HEAD wants to know whether it is there
            site.sent[path] = site.sent.get(path, 0) + len(body) * asked
            self.send_response(200)
            usual = TYPES.get(Path(path).suffix, "application/octet-stream")
            self.send_header("Content-Type", site.types.get(path, usual))
            self.send_header("Content-Length", str(len(body)))
            if encoding:
                self.send_header("Content-Encoding", encoding)
            for name, value in site.headers.items():
                self.send_header(name, value)
            self.end_headers()
            if asked:
                self.wfile.write(body)

        do_HEAD = do_GET  # noqa: N815 - http.server's name

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        site.url = f"http://127.0.0.1:{server.server_address[1]}"
        try:
            yield site
        finally:
            server.shutdown()
