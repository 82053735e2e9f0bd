"""The lines of files with events: plain or gzip, one after the other, standard input among them."""

from __future__ import annotations

import gzip
import io
import sys
import zlib
from collections.abc import Generator, Iterator, Sequence
from contextlib import ExitStack
from typing import IO, Final, NamedTuple, cast

from forwarder.errors import ForwarderError

LONGEST: Final = 1_000_000
"""Bytes of a line that are read; twice what ``limits.batch_bytes`` takes by default. Longer ones are cut off,
which no event outlives: it is refused as too large."""
_GZIP: Final = b"\x1f\x8b"


class FileError(ForwarderError):
    """A file cannot be read to its end; the message says which, why and how to mend it."""


class Line(NamedTuple):
    """A line that is not empty. ``file``: its name; ``number``: its place there, from 1."""

    file: str
    number: int
    text: bytes


def lines_of(files: Sequence[str]) -> Generator[Line, None, None]:
    """Yield the lines of files in order; ``-``: standard input. Raises FileError."""
    for name in files:
        try:
            with ExitStack() as open_files:
                yield from _lines(name, _opened(name, open_files))
        except (EOFError, zlib.error, gzip.BadGzipFile):
            raise FileError(f"{name} is no whole gzip file; fetch it once more") from None
        except OSError as error:
            raise FileError(f"{name} cannot be read: {error.strerror or error}") from None


def _opened(name: str, open_files: ExitStack) -> IO[bytes]:
    if name == "-":
        raw = io.BufferedReader(cast("io.RawIOBase", sys.stdin.buffer))
        open_files.callback(raw.detach)  # or it would be closed with it
    else:
        raw = io.BufferedReader(io.FileIO(name))
        open_files.callback(raw.close)
    if raw.peek(len(_GZIP))[: len(_GZIP)] == _GZIP:
        inflated = gzip.GzipFile(fileobj=raw)
        open_files.callback(inflated.close)
        return cast("IO[bytes]", inflated)
    return raw


def _lines(name: str, file: IO[bytes]) -> Iterator[Line]:
    number = 0
    while text := file.readline(LONGEST):
        number += 1
        if len(text) == LONGEST and not text.endswith(b"\n"):
            while (rest := file.readline(LONGEST)) and not rest.endswith(b"\n"):
                pass
        text = text.removeprefix(b"\xef\xbb\xbf") if number == 1 else text
        if text.strip():
            yield Line(name, number, text.strip())


def count_lines(files: Sequence[str]) -> int:
    """Return how many lines hold something; 0 where standard input is among the files. Raises FileError."""
    return 0 if "-" in files else sum(1 for _ in lines_of(files))
