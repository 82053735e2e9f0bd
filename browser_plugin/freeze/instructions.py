"""A function body's instructions, as far as a freeze has to find its way through them.

https://webassembly.github.io/spec/core/binary/instructions.html lists the encodings. Only what immediates
follow an instruction matters here; what it does does not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from typing import NamedTuple

from browser_plugin.freeze.leb128 import read_unsigned
from browser_plugin.freeze.parts import ModuleError

BLOCK, LOOP, IF, ELSE, TRY, CATCH, DELEGATE, CATCH_ALL, END = (
    *(0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x18, 0x19, 0x0B),
)
BR_IF = 0x0D
BEGINS = frozenset({LOOP, IF, ELSE, CATCH, CATCH_ALL, END, DELEGATE, BR_IF})
"""Behind these a basic block begins: control comes from elsewhere, or does not always come."""
_VALUE_TYPES = frozenset({0x40, 0x7F, 0x7E, 0x7D, 0x7C, 0x7B, 0x70, 0x6F, 0x69})
VECTOR, SATURATING = 0xFD, 0xFC


class Instruction(NamedTuple):
    """One instruction: where it begins and ends, its code, and the second code of a prefixed one (else 0)."""

    begin: int
    end: int
    code: int
    second: int


def instructions(body: bytes) -> Iterator[Instruction]:
    """Yield a function body's instructions in order; raises ModuleError for one that is not known."""
    at = instructions_at(body)
    while at < len(body):
        begin, code, second = at, body[at], 0
        at += 1
        if code in (VECTOR, SATURATING):
            second, at = read_unsigned(body, at)
        at = _behind_immediates(body, at, code, second)
        yield Instruction(begin, at, code, second)
    if at != len(body):
        raise ModuleError("a function's instructions end behind its body")


@cache  # a freeze asks three times about each function of the interpreter
def basic_blocks(body: bytes) -> tuple[int, ...]:
    """Return the offsets at which a function body's basic blocks begin, the first instruction's included."""
    begins = [instructions_at(body)]
    begins += [
        one.end
        for one in instructions(body)
        if one.code in BEGINS and one.end < len(body) and one.end != begins[-1]
    ]
    return tuple(begins)


def instructions_at(body: bytes) -> int:
    """Return where a function body's instructions begin: behind the declaration of its locals."""
    count, at = read_unsigned(body, 0)
    for _ in range(count):
        _, at = read_unsigned(body, at)
        at += 1
    return at


def _leb(count: int) -> Callable[[bytes, int], int]:
    """Return what passes over ``count`` LEB128 numbers."""

    def behind(body: bytes, at: int) -> int:
        for _ in range(count):
            while body[at] & 0x80:
                at += 1
            at += 1
        return at

    return behind


def _block_type(body: bytes, at: int) -> int:
    return at + 1 if body[at] in _VALUE_TYPES else _leb(1)(body, at)


def _branch_table(body: bytes, at: int) -> int:
    count, at = read_unsigned(body, at)
    return _leb(count + 1)(body, at)


def _typed_select(body: bytes, at: int) -> int:
    count, at = read_unsigned(body, at)
    return at + count


def _fixed(size: int) -> Callable[[bytes, int], int]:
    return lambda _, at: at + size


def _vector_part(body: bytes, at: int) -> int:
    return _leb(2)(body, at) + 1


_NOTHING = _fixed(0)
_IMMEDIATES: dict[int, Callable[[bytes, int], int]] = {
    **dict.fromkeys((BLOCK, LOOP, IF, TRY), _block_type),
    **dict.fromkeys((0x00, 0x01, ELSE, 0x0A, END, 0x0F, CATCH_ALL, 0x1A, 0x1B, 0xD1), _NOTHING),
    **dict.fromkeys((CATCH, DELEGATE, BR_IF, 0x08, 0x09, 0x0C, 0x10, 0x12), _leb(1)),
    **dict.fromkeys((*range(0x20, 0x27), 0x3F, 0x40, 0x41, 0x42, 0xD0, 0xD2), _leb(1)),
    **dict.fromkeys((0x11, 0x13, *range(0x28, 0x3F)), _leb(2)),
    **dict.fromkeys(range(0x45, 0xC5), _NOTHING),
    0x0E: _branch_table,
    0x1C: _typed_select,
    0x43: _fixed(4),
    0x44: _fixed(8),
}
_SATURATING: dict[int, Callable[[bytes, int], int]] = {
    **dict.fromkeys(range(8), _NOTHING),
    **dict.fromkeys((8, 10, 12, 14), _leb(2)),
    **dict.fromkeys((9, 11, 13, 15, 16, 17), _leb(1)),
}
_VECTOR: dict[int, Callable[[bytes, int], int]] = {
    **dict.fromkeys((*range(12), 92, 93), _leb(2)),
    **dict.fromkeys((12, 13), _fixed(16)),
    **dict.fromkeys(range(21, 35), _fixed(1)),
    **dict.fromkeys(range(84, 92), _vector_part),
}
"""What has immediates; all other vector instructions have none."""


def _behind_immediates(body: bytes, at: int, code: int, second: int) -> int:
    if code == VECTOR:
        return _VECTOR.get(second, _NOTHING)(body, at)
    behind = (_SATURATING.get(second) if code == SATURATING else _IMMEDIATES.get(code)) or None
    if behind is None:
        raise ModuleError(f"instruction {code:#x} {second:#x} is not one that a freeze knows")
    return behind(body, at)
