"""A WebAssembly module as a list of sections, of which a freeze changes some.

What a freeze leaves alone (types, tags, instructions) is carried as bytes; so is anything unknown, and a
module that is read and written again is the same module.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from enum import IntEnum
from typing import TypeVar

from browser_plugin.freeze.leb128 import read_unsigned, unsigned
from browser_plugin.freeze.parts import (
    Export,
    Global,
    Import,
    ModuleError,
    Segment,
    Table,
    i32_const,
    read_sized,
    written_sized,
)

MAGIC = b"\0asm\1\0\0\0"
Item = TypeVar("Item")


class Id(IntEnum):
    """Section numbers."""

    CUSTOM = 0
    TYPE = 1
    IMPORT = 2
    FUNCTION = 3
    TABLE = 4
    MEMORY = 5
    GLOBAL = 6
    EXPORT = 7
    START = 8
    ELEMENT = 9
    CODE = 10
    DATA = 11
    DATA_COUNT = 12
    TAG = 13


ORDER = [1, 2, 3, 4, 5, 13, 6, 7, 8, 9, 12, 10, 11]
"""The order in which a module must have its sections."""


@dataclass(slots=True)
class Module:
    """A module's sections. Custom sections are left out but for those in front, which say how to link it."""

    sections: dict[int, bytes] = field(repr=False)
    front: bytes = b""

    @classmethod
    def read(cls, data: bytes) -> Module:
        """Return the module that ``data`` holds; raises ModuleError where it is none."""
        if data[: len(MAGIC)] != MAGIC:
            raise ModuleError("not a WebAssembly module: wrong first bytes")
        sections: dict[int, bytes] = {}
        front = b""
        at = len(MAGIC)
        while at < len(data):
            number, begin = data[at], at
            size, at = read_unsigned(data, at + 1)
            if at + size > len(data):
                raise ModuleError(f"section {number} is cut off")
            if number != Id.CUSTOM:
                sections[number] = data[at : at + size]
            elif not sections:
                front += data[begin : at + size]
            at += size
        return cls(sections, front)

    def write(self) -> bytes:
        """Return the module's bytes."""
        parts = [MAGIC, self.front]
        for number in ORDER:
            if number in self.sections:
                parts += [bytes([number]), written_sized(self.sections[number])]
        return b"".join(parts)

    def imports(self) -> list[Import]:
        """Return the imports."""
        return self._list(Id.IMPORT, Import.read)

    def exports(self) -> list[Export]:
        """Return the exports."""
        return self._list(Id.EXPORT, Export.read)

    def globals(self) -> list[Global]:
        """Return the globals that the module defines itself."""
        return self._list(Id.GLOBAL, Global.read)

    def tables(self) -> list[Table]:
        """Return the tables."""
        return self._list(Id.TABLE, Table.read)

    def bodies(self) -> list[bytes]:
        """Return the functions' bodies: locals and instructions."""
        return self._list(Id.CODE, read_sized)

    def data(self) -> list[Segment]:
        """Return what memory holds from the start."""
        return self._list(Id.DATA, Segment.read)

    def set_imports(self, imports: Iterable[Import]) -> None:
        """Replace the imports."""
        self.sections[Id.IMPORT] = written_list(one.write() for one in imports)

    def set_exports(self, exports: Iterable[Export]) -> None:
        """Replace the exports."""
        self.sections[Id.EXPORT] = written_list(one.write() for one in exports)

    def set_globals(self, values: Iterable[Global]) -> None:
        """Replace the globals that the module defines itself."""
        self.sections[Id.GLOBAL] = written_list(one.write() for one in values)

    def set_tables(self, tables: Iterable[Table]) -> None:
        """Replace the tables."""
        self.sections[Id.TABLE] = written_list(one.write() for one in tables)

    def set_bodies(self, bodies: Iterable[bytes]) -> None:
        """Replace the functions' bodies, which are as many as before."""
        self.sections[Id.CODE] = written_list(map(written_sized, bodies))

    def set_memory(self, pages: int, maximum: int) -> None:
        """Replace the one memory; sizes in pages of 64 KiB."""
        self.sections[Id.MEMORY] = b"\1\1" + unsigned(pages) + unsigned(maximum)

    def set_elements(self, table: int, functions: Iterable[tuple[int, list[int]]]) -> None:
        """Fill one table: runs of function indices, each with the slot it begins at."""
        self.sections[Id.ELEMENT] = written_list(
            (b"\0" if table == 0 else b"\2" + unsigned(table))
            + i32_const(slot)
            + (b"" if table == 0 else b"\0")
            + written_list(map(unsigned, run))
            for slot, run in functions
        )

    def set_data(self, segments: Iterable[Segment]) -> None:
        """Replace what memory holds from the start."""
        data = written_list(one.write() for one in segments)
        self.sections[Id.DATA] = data
        self.sections[Id.DATA_COUNT] = unsigned(read_unsigned(data, 0)[0])

    def _list(self, number: Id, read: Callable[[bytes, int], tuple[Item, int]]) -> list[Item]:
        section = self.sections.get(number)
        if section is None:
            return []
        count, at = read_unsigned(section, 0)
        items = []
        for _ in range(count):
            item, at = read(section, at)
            items.append(item)
        if at != len(section):
            raise ModuleError("bytes are left over at the end of a section")
        return items


def written_list(items: Iterable[bytes]) -> bytes:
    """Return parts' bytes in a row with their number in front."""
    parts = list(items)
    return unsigned(len(parts)) + b"".join(parts)
