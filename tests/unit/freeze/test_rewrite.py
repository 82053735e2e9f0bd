"""A module of two functions, rewritten: what linking filled in, what is counted, what is left out."""

import pytest

from browser_plugin.freeze.instructions import basic_blocks, instructions
from browser_plugin.freeze.module import Id, Module
from browser_plugin.freeze.parts import Export, Global, Import, Kind, ModuleError, Table, i32_const
from browser_plugin.freeze.rewrite import TRAP, UNREACHABLE, bootable, counting, only, thawless, with_memory
from browser_plugin.freeze.state import State

SEVEN = b"\1\3\x7f\x41\7\x0b"
"""Three locals; returns 7."""
EIGHT = b"\0\x41\x08\x0b"


def module() -> Module:
    """One function and one global imported, two functions and two globals of its own, a table of two."""
    made = Module({Id.TYPE: b"\1\x60\0\1\x7f", Id.FUNCTION: b"\2\0\0"}, front=b"\0\2\1d")
    made.set_imports(
        [Import("env", "f", Kind.FUNCTION, b"\0"), Import("GOT.func", "g", Kind.GLOBAL, b"\x7f\1")]
    )
    made.set_tables([Table(0x70, 2), Table(0x6F, 0)])
    made.set_memory(1, 2)
    made.set_globals([Global(0x7F, True, i32_const(100)), Global.constant(5)])
    made.set_exports([Export("memory", Kind.MEMORY, 0), Export("seven", Kind.FUNCTION, 1)])
    made.set_bodies([SEVEN, EIGHT])
    return made


def state(table: list[int]) -> State:
    return State(
        b"\0" * 70_000 + b"abc\0",
        entry=0,
        buffer=0,
        capacity=0,
        globals=[-4],
        linked={"GOT.func.g": 9},
        table=table,
        blocks=[],
        symbols={},
        stack_low=0,
        heap=0,
    )


def elements(made: Module) -> bytes:
    return made.sections[Id.ELEMENT]


def test_bootable_shows_its_changeable_globals_and_keeps_how_to_link() -> None:
    made, names = bootable(module())
    assert names == ["changeable global 0"]
    assert made.exports()[-1] == Export(names[0], Kind.GLOBAL, 1)
    assert made.write()[8:12] == b"\0\2\1d"


def test_what_linking_and_running_filled_in_becomes_constant() -> None:
    made = thawless(module(), state([1, 2]), ["memory"])
    assert [(one.mutable, one.value) for one in made.globals()] == [(False, 9), (True, -4), (False, 5)]
    assert made.imports() == [Import("env", "f", Kind.FUNCTION, b"\0")]
    assert made.exports() == [Export("memory", Kind.MEMORY, 0)]
    assert made.sections[Id.MEMORY][:3] == b"\1\1" + bytes([2 + 8])
    assert made.front == b""


def test_the_table_is_filled_without_wrapped_javascript() -> None:
    # Slot 2 lies beyond what the module fills itself; 0 there is a wrapper's own number.
    made = thawless(module(), state([0, 2, 0, -1, 1]), [])
    assert made.tables()[0] == Table(0x70, 5)
    assert elements(made) == b"\2" + b"\0\x41\0\x0b\2\0\2" + b"\0\x41\4\x0b\1\1"


BRANCHING = b"\0\x20\0\x04\x7f\x41\1\x05\x41\2\x0b\x0b"
"""local.get 0; if (result i32) 1 else 2 end: blocks begin at 1, behind if, else and the inner end."""


def test_basic_blocks_begin_where_control_may_come_or_part() -> None:
    assert basic_blocks(SEVEN) == (3,)
    assert basic_blocks(BRANCHING) == (1, 5, 8, 11)


def test_basic_blocks_are_counted_behind_locals() -> None:
    counted, blocks = counting(module(), 1000)
    first, second = counted.bodies()
    assert blocks == 2
    assert first == b"\1\3\x7f" + b"\x41\xe8\x07\x41\1\x3a\0\0" + b"\x41\7\x0b"
    assert second == b"\0" + b"\x41\xe9\x07\x41\1\x3a\0\0" + b"\x41\x08\x0b"


def test_functions_left_out_trap_and_leave_the_table() -> None:
    made = only(module(), state([1, 2]), {1})
    assert made.bodies() == [TRAP, EIGHT]
    assert elements(made) == b"\1" + b"\0\x41\1\x0b\1\2"


def test_basic_blocks_left_out_trap() -> None:
    made = module()
    made.set_bodies([BRANCHING, EIGHT])
    assert only(made, state([]), {0, 2, 3, 4}).bodies() == [
        BRANCHING[:5] + UNREACHABLE + BRANCHING[5:],
        EIGHT,
    ]


@pytest.mark.parametrize(
    ("code", "size"),
    [
        (b"\x0e\2\0\1\0", 5),  # br_table of two, and the default
        (b"\x11\x80\1\0", 4),  # call_indirect: type 128, table 0
        (b"\x28\2\x80\x80\1", 5),  # i32.load, aligned, at 16384
        (b"\x44" + bytes(8), 9),  # f64.const
        (b"\xfc\x0a\0\0", 4),  # memory.copy
        (b"\xfd\x0c" + bytes(16), 18),  # v128.const
        (b"\xfd\x54\0\0\3", 5),  # v128.load8_lane
        (b"\x1c\1\x7f", 3),  # select with a type
        (b"\xd0\x70", 2),  # ref.null
    ],
)
def test_immediates_are_passed_over(code: bytes, size: int) -> None:
    (one, end) = instructions(b"\0" + code + b"\x0b")
    assert (one.begin, one.end, end.code) == (1, 1 + size, 0x0B)


def test_an_unknown_instruction_is_named() -> None:
    with pytest.raises(ModuleError, match="0xff"):
        list(instructions(b"\0\xff\x0b"))


def test_memory_becomes_data() -> None:
    (segment,) = with_memory(module(), state([]).memory).data()
    assert (segment.address, segment.data) == (70_000, b"abc")
