"""JSON that nearly is, read as JavaScript would."""

import pytest

from forwarder.javascript.tolerant_json import read_tolerantly


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (b"1e999", None),
        (b"-1e999", None),
        (b"9" * 10_000, None),
        (b"-" + b"9" * 309, None),
        (b"1" * 308, float("1" * 308)),
        (b"18446744073709551615", 2**64 - 1),
        (b"18446744073709551616", float(2**64)),
        (b"1.5", 1.5),
        (b"NaN", None),
        (b'["a\tb",-Infinity]', ["a\tb", None]),
    ],
)
def test_numbers_and_texts(text: bytes, value: object) -> None:
    assert read_tolerantly(text) == value
    assert type(read_tolerantly(text)) is type(value)


@pytest.mark.parametrize("text", [b"", b"{", b"tru", b"[1,]", b"01"])
def test_what_is_none(text: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        read_tolerantly(text)
