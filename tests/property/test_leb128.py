"""LEB128 numbers come back as they went in, from anywhere in a longer text of bytes."""

from hypothesis import given
from hypothesis import strategies as st

from browser_plugin.freeze.leb128 import read_signed, read_unsigned, signed, unsigned

SIGNED = st.integers(-(1 << 63), (1 << 63) - 1)
UNSIGNED = st.integers(0, (1 << 64) - 1)


@given(UNSIGNED, st.binary(max_size=9), st.binary(max_size=9))
def test_unsigned(number: int, before: bytes, after: bytes) -> None:
    written = unsigned(number)
    assert read_unsigned(before + written + after, len(before)) == (number, len(before) + len(written))
    assert len(written) == max(1, -(-number.bit_length() // 7))


@given(SIGNED, st.binary(max_size=9), st.binary(max_size=9))
def test_signed(number: int, before: bytes, after: bytes) -> None:
    written = signed(number)
    assert read_signed(before + written + after, len(before)) == (number, len(before) + len(written))


@given(SIGNED, SIGNED)
def test_shortest_form_is_unique(one: int, other: int) -> None:
    assert (signed(one) == signed(other)) == (one == other)
