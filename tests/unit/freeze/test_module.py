"""The WebAssembly reader and writer, on a module small enough to be written by hand, and on Pyodide's."""

import pytest

from browser_plugin.freeze.instructions import instructions_at
from browser_plugin.freeze.leb128 import read_signed, read_unsigned, signed, unsigned
from browser_plugin.freeze.module import Id, Module
from browser_plugin.freeze.parts import Export, Global, Import, Kind, ModuleError, Segment, i32_const
from tests.support.processes import ROOT

PYODIDE = ROOT / "browser_plugin" / "node_modules" / "pyodide" / "pyodide.asm.wasm"


def section(number: int, body: bytes) -> bytes:
    return bytes([number, len(body)]) + body


SMALL = b"\0asm\1\0\0\0" + b"".join(
    [
        section(1, b"\1\x60\0\1\x7f"),  # one type: nothing in, a number out
        section(2, b"\2\3env\1f\0\0\3env\1g\3\x7f\1"),  # a function and a changeable global
        section(3, b"\1\0"),
        section(4, b"\1\x70\0\3"),
        section(5, b"\1\0\1"),
        section(6, b"\1\x7f\1\x41\x7b\x0b"),  # a changeable global that begins with -5
        section(7, b"\1\1r\0\1"),
        section(10, b"\1\6\1\3\x7f\x41\7\x0b"),  # three locals; returns 7
        section(11, b"\1\0\x41\x10\x0b\3abc"),
    ]
)


def test_reads_what_a_module_holds() -> None:
    module = Module.read(SMALL)
    assert module.imports() == [
        Import("env", "f", Kind.FUNCTION, b"\0"),
        Import("env", "g", Kind.GLOBAL, b"\x7f\1"),
    ]
    assert module.exports() == [Export("r", Kind.FUNCTION, 1)]
    assert [one.value for one in module.globals()] == [-5]
    assert module.data() == [Segment(16, b"abc")]
    (body,) = module.bodies()
    assert body[instructions_at(body) :] == b"\x41\7\x0b"


def test_writes_what_it_read() -> None:
    assert Module.read(SMALL).write() == SMALL


def test_parts_written_again_are_the_same() -> None:
    module = Module.read(SMALL)
    again = Module.read(SMALL)
    again.set_imports(module.imports())
    again.set_exports(module.exports())
    again.set_globals(module.globals())
    again.set_tables(module.tables())
    again.set_bodies(module.bodies())
    assert again.write() == SMALL
    again.set_data(module.data())
    assert again.sections[Id.DATA] == module.sections[Id.DATA]
    assert again.sections[Id.DATA_COUNT] == b"\1"


def test_pyodides_own_module_comes_through_unchanged() -> None:
    data = PYODIDE.read_bytes()
    module = Module.read(data)
    bodies = module.bodies()
    module.set_imports(module.imports())
    module.set_exports(module.exports())
    module.set_globals(module.globals())
    module.set_bodies(bodies)
    assert module.write() == data
    assert len(bodies) > 10_000
    assert all(instructions_at(body) < len(body) for body in bodies)


@pytest.mark.parametrize("cut", [0, 7, 10, 20, len(SMALL) - 1])
def test_refuses_what_is_no_whole_module(cut: int) -> None:
    with pytest.raises((ModuleError, IndexError)):
        Module.read(SMALL[:cut]).data()


def test_addresses_beyond_two_gigabytes_are_kept() -> None:
    module = Module({})
    module.set_data([Segment(0xFFFF_0000, b"x")])
    assert module.data() == [Segment(0xFFFF_0000, b"x")]


@pytest.mark.parametrize(("number", "written"), [(0, "00"), (127, "7f"), (128, "8001"), (624485, "e58e26")])
def test_unsigned_numbers_as_the_standard_writes_them(number: int, written: str) -> None:
    assert unsigned(number).hex() == written
    assert read_unsigned(bytes.fromhex(written), 0) == (number, len(written) // 2)


@pytest.mark.parametrize(
    ("number", "written"), [(0, "00"), (63, "3f"), (64, "c000"), (-64, "40"), (-123456, "c0bb78")]
)
def test_signed_numbers_as_the_standard_writes_them(number: int, written: str) -> None:
    assert signed(number).hex() == written
    assert read_signed(bytes.fromhex(written), 0) == (number, len(written) // 2)


def test_constants_wrap_as_32_bits_do() -> None:
    assert i32_const(0xFFFF_FFFF) == i32_const(-1)
    assert Global.constant(5).value == 5
