"""Which bytes of memory a frozen module begins with, and which it can do without."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import groupby

from browser_plugin.freeze.state import Block, State

POISON = 0xA5
MARGIN = 16
"""Bytes kept on either side of static data that was read."""
FIRST = 1024
"""Where static data begins; nothing lies below."""
GRAIN = 8
"""Bytes that are kept or left out together where the profile is trusted to that degree."""
WORD = 4
HEADER = 2 * WORD
"""Bytes that the allocator keeps in front of what it hands out: the second word has the size and flags."""
FLAGS = 0b111

Stretch = tuple[int, int]
"""Begin and end of a piece of memory."""


def kept_static(state: State, read: bytes) -> list[Stretch]:
    """Return the stretches of static data to keep, sorted, without overlap.

    ``read``: one byte per byte of memory, 1 where a profiled run read it before writing it. Kept or dropped
    is what lies between one address that something points to and the next such address: a table of which
    one entry was read is kept whole.
    """
    starts = pointed_to(state)
    return merged(
        (max(0, begin - MARGIN), min(state.stack_low, end + MARGIN))
        for begin, end in zip(starts, [*starts[1:], state.stack_low], strict=True)
        if read.find(1, begin, end) >= 0
    )


def pointed_to(state: State) -> list[int]:
    """Return the sorted addresses of static data that any word in memory may point to, or a symbol names."""
    low, high = FIRST, state.stack_low
    words = memoryview(state.memory).cast("I")
    found = {low, *(at for at in state.symbols.values() if low <= at < high)}
    found.update(word for word in words[low // WORD : high // WORD] if low <= word < high)
    for block in state.blocks:
        if block.used:
            inside = words[(block.address + HEADER) // WORD : (block.address + block.size) // WORD + 1]
            found.update(word for word in inside if low <= word < high)
    return sorted(found)


def merged(stretches: Iterable[Stretch]) -> list[Stretch]:
    """Return the stretches sorted and joined where they touch or overlap."""
    joined: list[Stretch] = []
    for begin, end in sorted(stretches):
        if joined and begin <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(end, joined[-1][1]))
        elif begin < end:
            joined.append((begin, end))
    return joined


def without(data: bytes, filler: int) -> bytes:
    """Return the data left out: ``filler`` in place of every byte but the zeros, which stay what they are."""
    return data.translate(bytes([0]) + bytes([filler]) * 255)


def lean(state: State, read: bytes, filler: int = 0) -> bytes:
    """Return memory without the static data that no profiled run read; ``filler`` stands in its place."""
    memory = bytearray(state.memory)
    begin = 0
    for kept, end in [*kept_static(state, read), (state.stack_low, state.stack_low)]:
        memory[begin:kept] = without(state.memory[begin:kept], filler)
        begin = end
    return bytes(memory)


def tight(state: State, read: bytes, filler: int = 0) -> bytes:
    """Return memory without the static data and the heap blocks that no profiled run read, in fine grains.

    To the allocator, dropped blocks side by side are one block in use: the headers between them, which
    would be most of what is left, go as well. Of what is kept, only the grains stay in which something was
    read, with every block's header; a free block stays whole, for it holds the allocator's own lists.
    """
    memory = bytearray(lean(state, read, filler))
    leave_out_grains(memory, state.memory, read, FIRST, state.stack_low, filler)

    def is_read(block: Block) -> bool:
        # What was handed out reaches into the first header word of the next block.
        begin, end = block.address + HEADER, block.address + block.size + WORD
        return not block.used or read.find(1, begin, end) >= 0

    for kept, run in groupby(state.blocks, is_read):
        blocks = list(run)
        if kept:
            for block in blocks:
                if block.used:
                    begin, end = block.address + HEADER, block.address + block.size
                    leave_out_grains(memory, state.memory, read, begin, end, filler)
            continue
        begin, end = blocks[0].address, blocks[-1].address + blocks[-1].size
        memory[begin + HEADER : end] = without(state.memory[begin + HEADER : end], filler)
        flags = state.memory[begin + WORD] & FLAGS
        memory[begin + WORD : begin + HEADER] = (end - begin | flags).to_bytes(WORD, "little")
    return bytes(memory)


def leave_out_grains(memory: bytearray, whole: bytes, read: bytes, begin: int, end: int, filler: int) -> None:
    """Leave out of ``memory[begin:end]`` each aligned grain of which no byte was read."""
    while begin < end:
        edge = min(end, begin - begin % GRAIN + GRAIN)
        if read.find(1, begin, edge) < 0:
            memory[begin:edge] = without(whole[begin:edge], filler)
        begin = edge
