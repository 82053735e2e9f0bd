"""Marks in a dedup index, its files, and a table as forwarders wrote it before keys."""

import struct
from hashlib import blake2b
from pathlib import Path

from forwarder.spool.sqlite.dedup import DedupIndex
from tests.support.spools import NOW


def mark(seen: DedupIndex, *names: str, at: int = NOW) -> None:
    """As the spool does it: forget what is old, then mark."""
    seen.expire(at)
    seen.add([seen.fingerprint("shop", name) for name in names], at)


def known(seen: DedupIndex, name: str, at: int | None = None) -> bool:
    if at is not None:
        seen.expire(at)
    return seen.has(seen.fingerprint("shop", name), "shop", name)


def files(path: Path) -> list[str]:
    return sorted(one.name for one in path.parent.iterdir())


def unkeyed(name: str) -> int:
    return int.from_bytes(blake2b(f"shop\n{name}".encode(), digest_size=8).digest(), "little")


def old_table(path: Path, *names: str) -> None:
    """Write a table as the forwarders before keys did."""
    words = [0] * 64
    for name in names:
        place = unkeyed(name) & 63
        while words[place]:
            place = (place + 1) & 63
        words[place] = unkeyed(name)
    header = (0x5345454E5345454E, 1, NOW, NOW, len(names))
    path.with_name("spool.db-seen-64.4").write_bytes(struct.pack("<69Q", *header, *words))
