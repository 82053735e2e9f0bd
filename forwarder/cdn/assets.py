"""The files that pages load: the plugin, its Python, and Analytics.js with its lazy parts.

Pages of other origins load them, with and without ``crossorigin``, into isolated documents too; so all of
them carry CORS, Cross-Origin-Resource-Policy and Timing-Allow-Origin for everyone. They hold no secrets.
"""

import hashlib
import mimetypes
import re
import threading
from collections import OrderedDict
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
_FOR_EVER = "public, max-age=31536000, immutable"
_REMEMBERED = 1_024
"""Files whose contents are known; a build has about a hundred."""
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
        self._looking = threading.Lock()
        self._files: OrderedDict[Path, tuple[int, _File]] = OrderedDict()

    async def answer(self, name: str, request: Request) -> Response:
        """Return the file called ``name``, in the best encoding that the browser takes."""
        file = await anyio.to_thread.run_sync(self._find, name)
        if file is None:
            return missing(f"there is no file {name}; run build.py build and check server.assets")
        headers = {
            **FOR_EVERYONE,
            "etag": file.tag,
            "vary": "Accept-Encoding",
            "cache-control": _FOR_EVER if _HASHED.search(file.path.name) else "no-cache",
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
        """Return the file, remembered by its real path: a file has one, but any number of other spellings."""
        try:
            path = (self._folder / name).resolve()
            if not path.is_relative_to(self._folder) or not path.is_file():
                return None
            changed = path.stat().st_mtime_ns
            with self._looking:  # whoever asks for a large file at the same time waits for one to read it
                cached = self._files.get(path)
                if cached is None or cached[0] != changed:
                    cached = self._files[path] = (changed, _read(path))
                self._files.move_to_end(path)
                while len(self._files) > _REMEMBERED:
                    self._files.popitem(last=False)
        except (OSError, ValueError):  # a name that no file can have, or one that is gone
            return None
        return cached[1]


def _read(path: Path) -> _File:
    encoded = tuple(
        (encoding, beside)
        for encoding, ending in _ENCODINGS
        if (beside := path.with_name(path.name + ending)).is_file()
    )
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return _File(path, f'W/"{digest[:32]}"', encoded)


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
