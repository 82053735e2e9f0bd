"""A WebAssembly module as a list of sections, and the contents of the sections that a freeze changes.

What a freeze leaves alone (types, tags, instructions) is carried as bytes; so is anything unknown, and a
module that is read and written again is the same module.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from enum import IntEnum
from typing import TypeVar

from browser_plugin.freeze.leb128 import read_signed, read_unsigned, signed, unsigned

MAGIC = b"\0asm\1\0\0\0"
END = 0x0B
I32, FUNCREF = 0x7F, 0x70
I32_CONST = 0x41

Item = TypeVar("Item")


class ModuleError(ValueError):
    """The bytes are not a WebAssembly module of the kind that can be frozen."""


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


class Kind(IntEnum):
    """What an import or an export is."""

    FUNCTION = 0
    TABLE = 1
    MEMORY = 2
    GLOBAL = 3
    TAG = 4


@dataclass(frozen=True, slots=True)
class Import:
    """One import; ``type`` is the index of a function's type, or a global's two type bytes."""

    module: str
    name: str
    kind: Kind
    type: bytes


@dataclass(frozen=True, slots=True)
class Export:
    """One export: ``index`` counts within its kind, imports first."""

    name: str
    kind: Kind
    index: int


@dataclass(frozen=True, slots=True)
class Global:
    """One global: its value type, whether it can change, and its initial value as an expression."""

    type: int
    mutable: bool
    start: bytes

    @classmethod
    def constant(cls, value: int) -> Global:
        """Return an unchanging 32-bit global."""
        return cls(I32, False, i32_const(value))

    @property
    def value(self) -> int:
        """The initial value of a 32-bit global."""
        if self.start[0] != I32_CONST:
            raise ModuleError("the global does not begin as a 32-bit constant")
        return read_signed(self.start, 1)[0]


@dataclass(frozen=True, slots=True)
class Table:
    """One table: the type of what it holds, and how many at least."""

    type: int
    minimum: int


@dataclass(frozen=True, slots=True)
class Segment:
    """Bytes that memory holds from the start, and their address."""

    address: int
    data: bytes


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
                body = self.sections[number]
                parts += [bytes([number]), unsigned(len(body)), body]
        return b"".join(parts)

    def imports(self) -> list[Import]:
        """Return the imports."""
        return _read_list(self.sections.get(Id.IMPORT), _read_import)

    def exports(self) -> list[Export]:
        """Return the exports."""
        return _read_list(self.sections.get(Id.EXPORT), _read_export)

    def globals(self) -> list[Global]:
        """Return the globals that the module defines itself."""
        return _read_list(self.sections.get(Id.GLOBAL), _read_global)

    def tables(self) -> list[Table]:
        """Return the tables; a maximum is left out."""
        return _read_list(self.sections.get(Id.TABLE), _read_table)

    def bodies(self) -> list[bytes]:
        """Return the functions' bodies: locals and instructions."""
        return _read_list(self.sections.get(Id.CODE), _read_bytes)

    def set_imports(self, imports: Iterable[Import]) -> None:
        """Replace the imports."""
        self.sections[Id.IMPORT] = _write_list(
            _name(one.module) + _name(one.name) + bytes([one.kind]) + one.type for one in imports
        )

    def set_exports(self, exports: Iterable[Export]) -> None:
        """Replace the exports."""
        self.sections[Id.EXPORT] = _write_list(
            _name(one.name) + bytes([one.kind]) + unsigned(one.index) for one in exports
        )

    def set_globals(self, values: Iterable[Global]) -> None:
        """Replace the globals that the module defines itself."""
        self.sections[Id.GLOBAL] = _write_list(bytes([one.type, one.mutable]) + one.start for one in values)

    def set_tables(self, tables: Iterable[Table]) -> None:
        """Replace the tables."""
        self.sections[Id.TABLE] = _write_list(bytes([one.type, 0]) + unsigned(one.minimum) for one in tables)

    def set_bodies(self, bodies: Iterable[bytes]) -> None:
        """Replace the functions' bodies, which are as many as before."""
        self.sections[Id.CODE] = _write_list(unsigned(len(one)) + one for one in bodies)

    def set_memory(self, pages: int, maximum: int) -> None:
        """Replace the one memory; sizes in pages of 64 KiB."""
        self.sections[Id.MEMORY] = b"\1\1" + unsigned(pages) + unsigned(maximum)

    def set_elements(self, table: int, functions: Iterable[tuple[int, list[int]]]) -> None:
        """Fill one table: runs of function indices, each with the slot it begins at."""
        self.sections[Id.ELEMENT] = _write_list(
            (b"\0" if table == 0 else b"\2" + unsigned(table))
            + i32_const(slot)
            + (b"" if table == 0 else b"\0")
            + _write_list(map(unsigned, run))
            for slot, run in functions
        )

    def set_data(self, segments: Iterable[Segment]) -> None:
        """Replace what memory holds from the start."""
        data = _write_list(
            b"\0" + i32_const(one.address) + unsigned(len(one.data)) + one.data for one in segments
        )
        self.sections[Id.DATA] = data
        self.sections[Id.DATA_COUNT] = unsigned(read_unsigned(data, 0)[0])

    def data(self) -> list[Segment]:
        """Return what memory holds from the start."""
        return _read_list(self.sections.get(Id.DATA), _read_segment)


def i32_const(value: int) -> bytes:
    """Return the expression that gives one 32-bit number, signed or unsigned."""
    return bytes([I32_CONST]) + signed(value - (1 << 32) if value >= 1 << 31 else value) + bytes([END])


def instructions_at(body: bytes) -> int:
    """Return where a function body's instructions begin: behind the declaration of its locals."""
    count, at = read_unsigned(body, 0)
    for _ in range(count):
        _, at = read_unsigned(body, at)
        at += 1
    return at


def _name(text: str) -> bytes:
    data = text.encode()
    return unsigned(len(data)) + data


def _write_list(items: Iterable[bytes]) -> bytes:
    parts = list(items)
    return unsigned(len(parts)) + b"".join(parts)


def _read_list(section: bytes | None, read: Callable[[bytes, int], tuple[Item, int]]) -> list[Item]:
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


def _read_bytes(data: bytes, at: int) -> tuple[bytes, int]:
    size, at = read_unsigned(data, at)
    return data[at : at + size], at + size


def _read_name(data: bytes, at: int) -> tuple[str, int]:
    name, at = _read_bytes(data, at)
    return name.decode(), at


def _read_import(data: bytes, at: int) -> tuple[Import, int]:
    module, at = _read_name(data, at)
    name, at = _read_name(data, at)
    kind, start = Kind(data[at]), at + 1
    if kind is Kind.FUNCTION:
        _, at = read_unsigned(data, start)
    elif kind is Kind.GLOBAL:
        at = start + 2
    else:
        raise ModuleError(
            f"import {module}.{name} is a {kind.name.lower()}; only functions and globals can be"
        )
    return Import(module, name, kind, data[start:at]), at


def _read_export(data: bytes, at: int) -> tuple[Export, int]:
    name, at = _read_name(data, at)
    index, end = read_unsigned(data, at + 1)
    return Export(name, Kind(data[at]), index), end


def _read_table(data: bytes, at: int) -> tuple[Table, int]:
    kind, flags = data[at], data[at + 1]
    minimum, at = read_unsigned(data, at + 2)
    if flags & 1:
        _, at = read_unsigned(data, at)
    return Table(kind, minimum), at


def _read_global(data: bytes, at: int) -> tuple[Global, int]:
    end = _expression_end(data, at + 2)
    return Global(data[at], bool(data[at + 1]), data[at + 2 : end]), end


def _read_segment(data: bytes, at: int) -> tuple[Segment, int]:
    if data[at] != 0 or data[at + 1] != I32_CONST:
        raise ModuleError("a data segment is not placed at a constant address")
    address, at = read_signed(data, at + 2)
    body, at = _read_bytes(data, at + 1)
    return Segment(address & 0xFFFFFFFF, body), at


def _expression_end(data: bytes, at: int) -> int:
    """Return the offset behind a constant expression of one instruction."""
    operation = data[at]
    if operation in (I32_CONST, 0x42):
        _, at = read_signed(data, at + 1)
    elif operation in (0x43, 0x44):
        at += 5 if operation == 0x43 else 9
    elif operation in (0x23, 0xD2):
        _, at = read_unsigned(data, at + 1)
    elif operation == 0xD0:
        at += 2
    else:
        raise ModuleError(f"constant expression begins with {operation:#x}, which is not supported")
    if data[at] != END:
        raise ModuleError("constant expression of more than one instruction")
    return at + 1
