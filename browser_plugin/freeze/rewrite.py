"""Turn Pyodide's module into a frozen one: what linking and running filled in becomes part of the module."""

import re
from collections.abc import Collection, Iterable, Sequence

from browser_plugin.freeze.instructions import basic_blocks
from browser_plugin.freeze.module import Module
from browser_plugin.freeze.parts import (
    FUNCREF,
    I32_CONST,
    Export,
    Global,
    Kind,
    ModuleError,
    Segment,
    Table,
    i32_const,
)
from browser_plugin.freeze.state import State

PAGE = 65536
MOST_PAGES = 1 << 15
"""Half of what 32 bits can address, as in Pyodide."""
SPARE_PAGES = 8
"""Free memory at the start, so that the first calls need not ask for more."""
HOST_EXPORTS = (
    "memory",
    "__indirect_function_table",
    "PyUnicode_FromStringAndSize",
    "PyUnicode_AsUTF8AndSize",
    "PyObject_CallOneArg",
    "Py_DecRef",
)
"""What page/frozen.js calls."""
UNREACHABLE = b"\0"
"""The instruction that traps. What follows it in its block can be left out."""
TRAP = b"\0" + UNREACHABLE + b"\x0b"
"""A function body that does nothing but trap: no locals, unreachable, end."""


def bootable(module: Module) -> tuple[Module, list[str]]:
    """Return the module with its changeable globals exported, and their names, for boot.mjs to read."""
    imported = sum(one.kind is Kind.GLOBAL for one in module.imports())
    exports = module.exports()
    names = []
    for position, one in enumerate(module.globals()):
        if one.mutable:
            names.append(f"changeable global {position}")
            exports.append(Export(names[-1], Kind.GLOBAL, imported + position))
    copy = Module(dict(module.sections), module.front)
    copy.set_exports(exports)
    return copy, names


def thawless(module: Module, state: State, exports: Collection[str]) -> Module:
    """Return the module as it stands in ``state``, with nothing left to link or to start; memory is empty.

    Imported globals become constants, changeable ones begin with their values, the table is filled, and of
    the exports only the named ones stay.
    """
    frozen = Module(dict(module.sections))
    imports = module.imports()
    functions = [one for one in imports if one.kind is Kind.FUNCTION]
    linked = [state.linked[f"{one.module}.{one.name}"] for one in imports if one.kind is Kind.GLOBAL]
    values = iter(state.globals)
    own = [
        Global(one.type, True, i32_const(next(values))) if one.mutable else one for one in module.globals()
    ]
    frozen.set_imports(functions)
    frozen.set_globals([*map(Global.constant, linked), *own])
    frozen.set_exports(one for one in module.exports() if one.name in exports)
    frozen.set_memory(-(-len(state.memory) // PAGE) + SPARE_PAGES, MOST_PAGES)
    fill_table(frozen, state, len(functions))
    frozen.set_data([])
    return frozen


def fill_table(module: Module, state: State, imported: int, kept: Collection[int] | None = None) -> None:
    """Fill the function table as it was, with the ``kept`` functions only if given.

    Beyond what the module fills itself lie functions that were added while it ran. Those of them that are
    JavaScript wrapped up by the run-time library cannot be kept: their numbers are below ``imported``.
    """
    tables = module.tables()
    position = next((at for at, table in enumerate(tables) if table.type == FUNCREF), None)
    if position is None:
        raise ModuleError("the module has no function table")
    own = tables[position].minimum
    tables[position] = Table(FUNCREF, len(state.table))
    module.set_tables(tables)
    runs: list[tuple[int, list[int]]] = []
    for slot, function in enumerate(state.table):
        if (
            function < 0
            or (slot >= own and function < imported)
            or (kept is not None and function not in kept)
        ):
            continue
        if not runs or runs[-1][0] + len(runs[-1][1]) != slot:
            runs.append((slot, []))
        runs[-1][1].append(function)
    module.set_elements(position, runs)


def only(module: Module, state: State, ran: Collection[int]) -> Module:
    """Return the module with every basic block outside ``ran`` made to trap, and functions of none of them.

    Basic blocks are numbered from 0 in the order of the module's own functions, as ``counting`` does.
    """
    imported = sum(one.kind is Kind.FUNCTION for one in module.imports())
    bodies, kept, first = [], set[int](), 0
    for position, body in enumerate(module.bodies()):
        begins = basic_blocks(body)
        if first in ran:  # nothing of a function runs that does not begin
            kept.add(imported + position)
            trapping = [(at, UNREACHABLE) for n, at in enumerate(begins, first) if n not in ran]
            bodies.append(with_inserted(body, trapping))
        else:
            bodies.append(TRAP)
        first += len(begins)
    smaller = Module(dict(module.sections))
    smaller.set_bodies(bodies)
    fill_table(smaller, state, imported, kept)
    return smaller


def counting(module: Module, at: int) -> tuple[Module, int]:
    """Return the module with every basic block setting a byte when it runs, and how many blocks there are.

    Block n sets the byte ``at`` + n.
    """
    counted, bodies, blocks = Module(dict(module.sections)), [], 0
    for body in module.bodies():
        begins = basic_blocks(body)
        marks = [
            (begin, i32_const(at + n)[:-1] + bytes([I32_CONST, 1, 0x3A, 0, 0]))  # i32.store8
            for n, begin in enumerate(begins, blocks)
        ]
        blocks += len(begins)
        bodies.append(with_inserted(body, marks))
    counted.set_bodies(bodies)
    return counted, blocks


def with_inserted(body: bytes, pieces: Sequence[tuple[int, bytes]]) -> bytes:
    """Return a function body with pieces of code put in at offsets, which are given in order."""
    out, last = [], 0
    for at, code in pieces:
        out += [body[last:at], code]
        last = at
    return b"".join([*out, body[last:]])


def segments(memory: bytes, gap: int) -> Iterable[Segment]:
    """Yield what is not zero in memory; runs of up to ``gap`` zeros do not end a segment.

    Each segment costs a few bytes and a little time at start; zeros cost next to nothing once compressed.
    """
    for piece in re.finditer(rb"[^\0]+(?:\0{1,%d}[^\0]+)*" % gap, memory):
        yield Segment(piece.start(), piece.group())


def with_memory(module: Module, memory: bytes, gap: int = 100) -> Module:
    """Return the module with this memory to begin with."""
    full = Module(dict(module.sections))
    full.set_data(segments(memory, gap))
    return full
