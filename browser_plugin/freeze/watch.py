"""Make a module note, while it runs, which bytes of its memory are read before they are written.

Each byte of memory has a shadow, the byte ``SHADOW`` further on: 0 untouched, ``READ`` read first,
``WRITTEN`` written first. Each load is preceded by a call that marks, each store replaced by one that marks
and stores. Only then is the value to store known: what was read to make it, as in ``x -= 1``, was read first.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from browser_plugin.freeze.instructions import SATURATING, VECTOR, Instruction, instructions
from browser_plugin.freeze.leb128 import read_unsigned, signed, unsigned
from browser_plugin.freeze.module import Id, Module
from browser_plugin.freeze.parts import END, I32, Export, Global, Kind, ModuleError, i32_const

SHIFT = 27
SHADOW = 1 << SHIFT
"""Where the shadows begin, in bytes: what the module itself uses lies below; a profiled run takes half."""
READ, WRITTEN = 1, 2
RECORDING, PAGES = "recording", "pages"
"""Exports, globals that the profile sets: -1 or 0, and how many pages of memory the module may use."""
PAGE = 65_536
I64, F32, F64 = 0x7E, 0x7D, 0x7C
_LOADS = {
    **dict.fromkeys((0x2C, 0x2D, 0x30, 0x31), 1),
    **dict.fromkeys((0x2E, 0x2F, 0x32, 0x33), 2),
    **dict.fromkeys((0x28, 0x2A, 0x34, 0x35), 4),
    **dict.fromkeys((0x29, 0x2B), 8),
}
"""Bytes that each load reads."""
_STORES = {
    0x36: (I32, 4),
    0x3A: (I32, 1),
    0x3B: (I32, 2),
    0x38: (F32, 4),
    0x39: (F64, 8),
    0x37: (I64, 8),
    0x3C: (I64, 1),
    0x3D: (I64, 2),
    0x3E: (I64, 4),
}
"""The type of what each store takes, and the bytes that it writes."""
_MEMORY_SIZE, _MEMORY_GROW, _MEMORY_COPY, _MEMORY_FILL = 0x3F, 0x40, 10, 11
_CALL, _GET, _SET, _TEE, _GLOBAL_GET = 0x10, 0x20, 0x21, 0x22, 0x23
_VOID = 0x40


class _Function(NamedTuple):
    """A function that is added: its type and its body."""

    type: bytes
    body: bytes


def watched(module: Module) -> Module:
    """Return the module with every access to memory noted; raises ModuleError for what would not be seen."""
    types, imported = module.sections[Id.TYPE], sum(one.kind is Kind.FUNCTION for one in module.imports())
    count, behind = read_unsigned(types, 0)
    own = module.bodies()
    known_globals = sum(one.kind is Kind.GLOBAL for one in module.imports()) + len(module.globals())
    recording, pages = known_globals, known_globals + 1
    functions = _functions(recording)
    numbers = {name: imported + len(own) + n for n, name in enumerate(functions)}
    added = [one.type for one in functions.values()]
    new = Module(dict(module.sections))
    new.sections[Id.TYPE] = unsigned(count + len(added)) + types[behind:] + b"".join(added)
    listed, behind = read_unsigned(module.sections[Id.FUNCTION], 0)
    new.sections[Id.FUNCTION] = (
        unsigned(listed + len(added))
        + module.sections[Id.FUNCTION][behind:]
        + b"".join(unsigned(count + n) for n in range(len(added)))
    )
    begun = read_unsigned(module.sections[Id.MEMORY], 2)[0]
    new.set_globals(
        [*module.globals(), Global(I32, True, i32_const(-1)), Global(I32, True, i32_const(begun))]
    )
    new.set_exports(
        [
            *module.exports(),
            Export(RECORDING, Kind.GLOBAL, recording),
            Export(PAGES, Kind.GLOBAL, pages),
        ]
    )
    new.set_memory(2 * SHADOW // PAGE, 2 * SHADOW // PAGE)
    bodies = [_with_calls(body, numbers, pages) for body in own]
    new.set_bodies([*bodies, *(one.body for one in functions.values())])
    return new


def _with_calls(body: bytes, numbers: dict[str, int], pages: int) -> bytes:
    """Return a function's body that calls the added functions, ``numbers``, at each access."""
    out, last = [], 0
    for one in instructions(body):
        what = _replacement(body, one, numbers, pages)
        if what is None:
            continue
        code, keep = what
        out += [body[last : one.begin], code]
        last = one.begin if keep else one.end
    return b"".join([*out, body[last:]])


def _replacement(
    body: bytes, one: Instruction, numbers: dict[str, int], pages: int
) -> tuple[bytes, bool] | None:
    """Return the code for an instruction that touches memory, and whether the instruction stays behind it."""

    def call(name: str) -> bytes:
        return bytes([_CALL]) + unsigned(numbers[name])

    if one.code in _LOADS or one.code in _STORES:
        _, at = read_unsigned(body, one.begin + 1)
        offset = i32_const(read_unsigned(body, at)[0])[:-1]
        if one.code in _LOADS:
            return offset + call(f"load {_LOADS[one.code]}"), True
        return offset + call(f"store {one.code}"), False
    if one.code == _MEMORY_SIZE:
        return bytes([_GLOBAL_GET]) + unsigned(pages), False
    if one.code == SATURATING and one.second in (_MEMORY_COPY, _MEMORY_FILL):
        return call("copy" if one.second == _MEMORY_COPY else "fill"), False
    if one.code == VECTOR:
        raise ModuleError("the interpreter uses vector instructions, whose reads no profile would see")
    if one.code == _MEMORY_GROW or (one.code == SATURATING and one.second in (8, 9)):
        raise ModuleError(f"instruction {one.code:#x} {one.second} changes memory unseen by a profile")
    return None


def _functions(recording: int) -> dict[str, _Function]:
    """Return the functions that mark, by name; ``recording`` is the number of the global that allows it."""
    mark = _marker(recording)
    functions = {f"load {size}": _load(size, mark) for size in (1, 2, 4, 8)}
    functions |= {f"store {code}": _store(code, kind, size, mark) for code, (kind, size) in _STORES.items()}
    functions["copy"] = _Function(
        _type((I32, I32, I32)),
        _body(
            (2, I32),
            _each(mark(1, READ, 3, 4), start=1, at=3),
            *(_each(mark(1, WRITTEN, 3, 4), start=0, at=3), _get(0, 1, 2), b"\xfc\x0a\0\0"),
        ),
    )
    functions["fill"] = _Function(
        _type((I32, I32, I32)),
        _body((2, I32), _each(mark(1, WRITTEN, 3, 4), start=0, at=3), _get(0, 1, 2), b"\xfc\x0b\0"),
    )
    return functions


def _load(size: int, mark: Callable[[int, int, int, int], bytes]) -> _Function:
    """Base and offset in, base out; the bytes there are marked as read."""
    wide = I64 if size == 8 else I32
    code = _address(0, 1, 2) + mark(size, READ, 2, 3) + _get(0)
    return _Function(_type((I32, I32), I32), _body((1, I32, 1, wide), code))


def _store(code: int, kind: int, size: int, mark: Callable[[int, int, int, int], bytes]) -> _Function:
    """Base, value and offset in; the bytes there are marked as written, and written."""
    wide = I64 if size == 8 else I32
    stored = _get(3, 1) + bytes([code, 0, 0])
    return _Function(
        _type((I32, kind, I32)),
        _body((1, I32, 1, wide), _address(0, 2, 3), mark(size, WRITTEN, 3, 4), stored),
    )


def _address(base: int, offset: int, at: int) -> bytes:
    """Put the sum of two locals into a third; trap where it is not below the shadows."""
    total = _get(base, offset) + b"\x6a" + bytes([_TEE, at]) + _get(base) + b"\x72"
    return total + _const32(SHIFT) + b"\x76\x04" + bytes([_VOID]) + b"\0" + bytes([END])


def _marker(recording: int) -> Callable[[int, int, int, int], bytes]:
    """Return what writes the code that marks some bytes which nothing has touched yet."""

    def mark(size: int, what: int, at: int, word: int) -> bytes:
        """Mark ``size`` bytes from the address in local ``at``; local ``word`` is used for it."""
        ones = int.from_bytes(b"\1" * size, "little")
        shadow = b"\0" + unsigned(SHADOW)
        allowed = bytes([_GLOBAL_GET]) + unsigned(recording)
        if size == 8:
            load, store = 0x29, 0x37
            shift, either, both, other, left = 0x88, 0x84, 0x83, 0x85, 0x86
            allowed += b"\xac"  # i64.extend_i32_s
        else:
            load, store = {1: (0x2D, 0x3A), 2: (0x2F, 0x3B), 4: (0x28, 0x36)}[size]
            shift, either, both, other, left = 0x76, 0x72, 0x71, 0x73, 0x74

        def const(value: int) -> bytes:
            return (b"\x42" if size == 8 else b"\x41") + signed(value)

        untouched = (
            _get(word, word)
            + (const(1) + bytes([shift, either]) + const(-1) + bytes([other]) + const(ones))
            + (bytes([both]) + allowed + bytes([both]))
        )
        if what == WRITTEN:
            untouched += const(1) + bytes([left])
        loaded = _get(at, at) + bytes([load]) + shadow + bytes([_TEE, word])
        return loaded + untouched + bytes([either, store]) + shadow

    return mark


def _each(code: bytes, start: int, at: int) -> bytes:
    """Run code for as many addresses as local 2 says, from that in local ``start``, each in local ``at``."""
    loop = code + _get(at) + _const32(1) + b"\x6a" + bytes([_TEE, at])
    loop += _get(start, 2) + b"\x6a\x47\x0d\0"  # i32.ne; br_if 0
    begun = _get(start) + bytes([_SET, at])
    return begun + _get(2) + b"\x04\x40\x03\x40" + loop + bytes([END, END])


def _get(*numbers: int) -> bytes:
    """Put locals on the stack."""
    return b"".join(bytes([_GET, number]) for number in numbers)


def _const32(value: int) -> bytes:
    return b"\x41" + signed(value)


def _type(parameters: tuple[int, ...], *results: int) -> bytes:
    """Return a function type's bytes."""
    return b"\x60" + bytes([len(parameters), *parameters, len(results), *results])


def _body(local: tuple[int, ...], *code: bytes) -> bytes:
    """Return a function's body; ``local``: how many of which type, again and again."""
    return bytes([len(local) // 2, *local]) + b"".join(code) + bytes([END])
