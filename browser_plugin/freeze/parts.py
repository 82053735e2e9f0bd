"""What the sections of a WebAssembly module list, each part with how it is read and written."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

from browser_plugin.freeze.leb128 import read_signed, read_unsigned, signed, unsigned

I32, FUNCREF = 0x7F, 0x70
I32_CONST, END = 0x41, 0x0B


class ModuleError(ValueError):
    """The bytes are not a WebAssembly module of the kind that can be frozen."""


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

    @classmethod
    def read(cls, data: bytes, at: int) -> tuple[Import, int]:
        """Return the import at offset ``at``, and the offset behind it."""
        module, at = read_name(data, at)
        name, at = read_name(data, at)
        kind, start = Kind(data[at]), at + 1
        if kind is Kind.FUNCTION:
            _, at = read_unsigned(data, start)
        elif kind is Kind.GLOBAL:
            at = start + 2
        else:
            raise ModuleError(
                f"import {module}.{name} is a {kind.name.lower()}; only functions and globals can be"
            )
        return cls(module, name, kind, data[start:at]), at

    def write(self) -> bytes:
        """Return the import's bytes."""
        return written_name(self.module) + written_name(self.name) + bytes([self.kind]) + self.type


@dataclass(frozen=True, slots=True)
class Export:
    """One export: ``index`` counts within its kind, imports first."""

    name: str
    kind: Kind
    index: int

    @classmethod
    def read(cls, data: bytes, at: int) -> tuple[Export, int]:
        """Return the export at offset ``at``, and the offset behind it."""
        name, at = read_name(data, at)
        index, end = read_unsigned(data, at + 1)
        return cls(name, Kind(data[at]), index), end

    def write(self) -> bytes:
        """Return the export's bytes."""
        return written_name(self.name) + bytes([self.kind]) + unsigned(self.index)


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

    @classmethod
    def read(cls, data: bytes, at: int) -> tuple[Global, int]:
        """Return the global at offset ``at``, and the offset behind it."""
        end = expression_end(data, at + 2)
        return cls(data[at], bool(data[at + 1]), data[at + 2 : end]), end

    def write(self) -> bytes:
        """Return the global's bytes."""
        return bytes([self.type, self.mutable]) + self.start


@dataclass(frozen=True, slots=True)
class Table:
    """One table: the type of what it holds, and how many at least; a maximum is left out."""

    type: int
    minimum: int

    @classmethod
    def read(cls, data: bytes, at: int) -> tuple[Table, int]:
        """Return the table at offset ``at``, and the offset behind it."""
        kind, flags = data[at], data[at + 1]
        minimum, at = read_unsigned(data, at + 2)
        if flags & 1:
            _, at = read_unsigned(data, at)
        return cls(kind, minimum), at

    def write(self) -> bytes:
        """Return the table's bytes."""
        return bytes([self.type, 0]) + unsigned(self.minimum)


@dataclass(frozen=True, slots=True)
class Segment:
    """Bytes that memory holds from the start, and their address."""

    address: int
    data: bytes

    @classmethod
    def read(cls, data: bytes, at: int) -> tuple[Segment, int]:
        """Return the segment at offset ``at``, and the offset behind it."""
        if data[at] != 0 or data[at + 1] != I32_CONST:
            raise ModuleError("a data segment is not placed at a constant address")
        address, at = read_signed(data, at + 2)
        body, at = read_sized(data, at + 1)
        return cls(address & 0xFFFFFFFF, body), at

    def write(self) -> bytes:
        """Return the segment's bytes."""
        return b"\0" + i32_const(self.address) + written_sized(self.data)


def i32_const(value: int) -> bytes:
    """Return the expression that gives one 32-bit number, signed or unsigned."""
    return bytes([I32_CONST]) + signed(value - (1 << 32) if value >= 1 << 31 else value) + bytes([END])


def expression_end(data: bytes, at: int) -> int:
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


def read_sized(data: bytes, at: int) -> tuple[bytes, int]:
    """Return the bytes behind their number at offset ``at``, and the offset behind them."""
    size, at = read_unsigned(data, at)
    return data[at : at + size], at + size


def written_sized(data: bytes) -> bytes:
    """Return bytes with their number in front."""
    return unsigned(len(data)) + data


def read_name(data: bytes, at: int) -> tuple[str, int]:
    """Return the text at offset ``at``, and the offset behind it."""
    name, at = read_sized(data, at)
    return name.decode(), at


def written_name(text: str) -> bytes:
    """Return a text's bytes with their number in front."""
    return written_sized(text.encode())
