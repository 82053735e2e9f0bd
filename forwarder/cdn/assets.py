"""The files that pages load: the plugin, its Python, and Analytics.js with its lazy parts.

Pages of other origins load them, with and without ``crossorigin``, into isolated documents too; so all of
them carry CORS, Cross-Origin-Resource-Policy and Timing-Allow-Origin for everyone. They hold no secrets.
"""

import hashlib
import mimetypes
import re
from dataclasses import dataclass
from pathlib import Path

import anyio
from starlette.requests import Request
from starlette.responses import FileResponse, Response

from forwarder.http.responses import error_body

_HASHED = re.compile(r"[-.][0-9a-f]{8,64}\.|-py3-none-|-cp\d+-")
"""Names that say which contents they have: by a hash, or a wheel's by its version."""
_ENCODINGS = (("br", ".br"), ("gzip", ".gz"))
_TYPES = {
    ".wasm": "application/wasm",
    ".js": "text/javascript; charset=utf-8",
    ".mjs": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".ts": "text/plain; charset=utf-8",
    ".map": "application/json",
    ".whl": "application/zip",
}
FOR_EVERYONE = {
    "access-control-allow-origin": "*",
    "cross-origin-resource-policy": "cross-origin",
    "timing-allow-origin": "*",
    "x-content-type-options": "nosniff",
}


@dataclass(frozen=True, slots=True)
class _File:
    path: Path
    tag: str
    encoded: tuple[tuple[str, Path], ...]
    """Encodings that lie beside the file, best first."""


class Assets:
    """The files below one folder; what is served is what the folder holds when a file is first asked for."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder.resolve()
        self._known: dict[str, tuple[int, _File]] = {}

    async def answer(self, name: str, request: Request) -> Response:
        """Return the file called ``name``, in the best encoding that the browser takes."""
        file = await anyio.to_thread.run_sync(self._find, name)
        if file is None:
            return missing(f"there is no file {name}; run build.py build and check server.assets")
        headers = {
            **FOR_EVERYONE,
            "etag": file.tag,
            "vary": "Accept-Encoding",
            "cache-control": "public, max-age=31536000, immutable" if _HASHED.search(name) else "no-cache",
        }
        tags = request.headers.get("if-none-match", "")
        if file.tag.removeprefix("W/") in (tag.strip().removeprefix("W/") for tag in tags.split(",")):
            return Response(status_code=304, headers=headers)
        accepted = _accepted(request.headers.get("accept-encoding", ""))
        path = file.path
        for encoding, encoded in file.encoded:
            if encoding in accepted:
                path, headers["content-encoding"] = encoded, encoding
                break
        return FileResponse(path, headers=headers, media_type=_type(file.path))

    def _find(self, name: str) -> _File | None:
        try:
            path = (self._folder / name).resolve()
            if not path.is_relative_to(self._folder) or not path.is_file():
                return None
            changed = path.stat().st_mtime_ns
        except (OSError, ValueError):  # a name that no file can have
            return None
        known = self._known.get(name)
        if known and known[0] == changed:
            return known[1]
        encoded = tuple(
            (encoding, beside)
            for encoding, ending in _ENCODINGS
            if (beside := path.with_name(path.name + ending)).is_file()
        )
        file = _File(path, f'W/"{hashlib.sha256(path.read_bytes()).hexdigest()[:32]}"', encoded)
        self._known[name] = (changed, file)
        return file


def missing(message: str) -> Response:
    """Return the 404 that pages of every origin can read."""
    return Response(
        error_body("not_found", message), 404, headers=FOR_EVERYONE, media_type="application/json"
    )


def _accepted(header: str) -> set[str]:
    """Return the encodings of an Accept-Encoding header that are not refused with q=0."""
    accepted = set()
    for part in header.split(","):
        name, _, quality = part.partition(";")
        if re.fullmatch(r"\s*q=0(\.0*)?\s*", quality) is None:
            accepted.add(name.strip().lower())
    return accepted


def _type(path: Path) -> str:
    return _TYPES.get(path.suffix) or mimetypes.guess_type(path.name)[0] or "application/octet-stream"
