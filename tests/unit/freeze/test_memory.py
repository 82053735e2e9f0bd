"""What is left out of memory, on a state small enough to be looked through."""

import struct

from browser_plugin.freeze.memory import FIRST, GRAIN, MARGIN, lean, tight
from browser_plugin.freeze.rewrite import segments
from browser_plugin.freeze.state import Block, State

STATIC, HEAP, END = 4096, 5120, 5120 + 4 * 64
USED, FREE = 3, 1


def state() -> State:
    """Static data full of 0x11 with two tables, at 2048 and 3072, and four blocks of 64 bytes."""
    memory = bytearray(b"\x11" * STATIC + bytes(HEAP - STATIC) + b"\x22" * (END - HEAP))
    blocks = [Block(HEAP + 64 * n, 64, n != 3) for n in range(4)]
    for block in blocks:
        struct.pack_into("<II", memory, block.address, 0x22222222, 64 | (USED if block.used else FREE))
    struct.pack_into("<II", memory, HEAP + 16, 2048, 3072)
    return State(
        bytes(memory),
        entry=0,
        buffer=0,
        capacity=0,
        globals=[],
        linked={},
        table=[],
        blocks=blocks,
        symbols={},
        stack_low=STATIC,
        heap=HEAP,
    )


def read(*addresses: int) -> bytes:
    """A record of these bytes having been read."""
    record = bytearray(END)
    for address in addresses:
        record[address] = 1
    return bytes(record)


def test_a_table_of_which_one_byte_was_read_is_kept_whole() -> None:
    memory = lean(state(), read(2500))
    begin, end = 2048 - MARGIN, 3072 + MARGIN
    assert memory[:begin] == bytes(begin)
    assert memory[begin:end] == b"\x11" * (end - begin)
    assert memory[end:STATIC] == bytes(STATIC - end)
    assert memory[STATIC:] == state().memory[STATIC:]


def test_poison_lies_where_something_was_left_out() -> None:
    plain, poisoned = tight(state(), read(2500)), tight(state(), read(2500), 0xA5)
    assert {(a, b) for a, b in zip(plain, poisoned, strict=True) if a != b} == {(0, 0xA5)}
    assert poisoned[2500] == 0x11


def test_blocks_left_out_side_by_side_become_one_in_use() -> None:
    memory = tight(state(), read())
    assert struct.unpack_from("<II", memory, HEAP) == (0x22222222, 3 * 64 | USED)
    assert memory[HEAP + 8 : HEAP + 3 * 64] == bytes(3 * 64 - 8)
    assert memory[HEAP + 3 * 64 :] == state().memory[HEAP + 3 * 64 :]


def test_of_a_block_that_was_read_the_grains_stay_that_were_read() -> None:
    memory = tight(state(), read(HEAP + 64 + 40))
    assert struct.unpack_from("<I", memory, HEAP + 4) == (64 | USED,)
    begin = HEAP + 64
    assert memory[begin : begin + 8] == state().memory[begin : begin + 8]
    assert memory[begin + 8 : begin + 64] == bytes(32) + b"\x22" * GRAIN + bytes(24 - GRAIN)
    assert struct.unpack_from("<I", memory, HEAP + 132) == (64 | USED,)


def test_of_static_data_the_grains_stay_that_were_read() -> None:
    memory = tight(state(), read(2500))
    grain = 2500 - 2500 % GRAIN
    assert memory[FIRST:STATIC] == bytes(grain - FIRST) + b"\x11" * GRAIN + bytes(STATIC - grain - GRAIN)


def test_a_free_block_is_kept_whole() -> None:
    free = HEAP + 3 * 64
    assert tight(state(), read())[free:END] == state().memory[free:END]


def test_the_last_word_of_a_block_lies_in_the_header_of_the_next() -> None:
    memory = tight(state(), read(HEAP + 64 + 1))
    assert memory[HEAP + 64 : HEAP + 68] == state().memory[HEAP + 64 : HEAP + 68]
    assert struct.unpack_from("<I", memory, HEAP + 4) == (64 | USED,)
    assert struct.unpack_from("<I", memory, HEAP + 68) == (2 * 64 | USED,)


def test_segments_leave_out_long_silence_only() -> None:
    memory = bytes(5) + b"ab\0c" + bytes(9) + b"d" + bytes(100)
    assert [(one.address, one.data) for one in segments(memory, 3)] == [(5, b"ab\0c"), (18, b"d")]
    assert [(one.address, one.data) for one in segments(memory, 9)] == [(5, b"ab\0c" + bytes(9) + b"d")]
    assert list(segments(bytes(50), 3)) == []
