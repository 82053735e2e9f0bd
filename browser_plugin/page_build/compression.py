"""The compressed forms of files, beside them; each content is compressed once and kept."""

import gzip
import hashlib
import shutil
import tempfile
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import brotli  # type: ignore[import-untyped,unused-ignore]

from browser_plugin.page_build.places import CACHE
from browser_plugin.page_build.progress import say

SQUEEZERS: dict[str, Callable[[bytes], bytes]] = {
    "br": lambda data: brotli.compress(data, quality=11, lgwin=24),
    "gz": lambda data: gzip.compress(data, 9, mtime=0),
}
SMALLEST = 1_000
"""Bytes below which a compressed file is not worth a request's headers."""


def compress(folder: Path, but: Sequence[Path] = ()) -> None:
    """Put .br and .gz beside every file that is worth it; each content is compressed once and kept.

    ``but``: folders whose files stay as they are.
    """
    (CACHE / "compressed").mkdir(parents=True, exist_ok=True)
    paths = [
        path
        for path in sorted(folder.rglob("*"))
        if path.is_file()
        and path.suffix not in (".br", ".gz", ".whl")
        and path.stat().st_size >= SMALLEST
        and not any(parent in path.parents for parent in but)
    ]
    with ThreadPoolExecutor() as pool:  # both compressors leave the other threads their turn
        for _ in pool.map(compressed, paths):
            pass


def compressed(path: Path) -> None:
    """Put a file's two compressed forms beside it."""
    data = path.read_bytes()
    name = hashlib.sha256(data).hexdigest()[:24]
    for ending, squeeze in SQUEEZERS.items():
        beside, cached = path.with_name(f"{path.name}.{ending}"), CACHE / "compressed" / f"{name}.{ending}"
        if beside.exists():
            continue
        if not cached.exists():
            if len(data) > 1_000_000:
                say(f"compressing {path.name} ({ending})")
            with tempfile.NamedTemporaryFile(dir=cached.parent, delete=False) as part:
                part.write(squeeze(data))
            Path(part.name).replace(cached)  # whole, or not there
        shutil.copyfile(cached, beside)
