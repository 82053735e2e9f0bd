# mypy: ignore-errors
"""Values of every core type, small and large, of every width; and those that exist once and for all."""

WHOLE = (0, 1, -1, 9, -10, 255, 1 << 15, 1 << 30, -(1 << 31), 1_700_000_000_000, 1 << 63, -(10**30))
FLOATS = (0.0, -1.25, 3.7e10, 1e300, 5e-324, 0.1, float("inf"), float("nan"))
NUMERALS = (
    *("12", "-7", " 5 ", "0x1f", "1_000", "", "x", "\u0663", "1.5", "-2E-5", "9" * 40, "9" * 5000, "nan"),
    *(
        "3e159",
        "-1.7976931348623157e308",
        "2.5e-324",
        "0.1234567890123456789e-50",
        "8.5" + "1" * 400,
        "1e999",
    ),
)
TEXTS = (
    *("", "a", "tab\there", "caf\u00e9", "\u65e5\u672c", "mixed \U0001f680", " pad ", "A,b,,C", "\0\1"),
    *("\xff\xfe", "\ud83d", "y" * 500, "line\r\nline\n", "1.5 %s {} {0!r:>5} %% %d"),
)
BYTES = (b"", b"abc\xff", "caf\u00e9".encode(), b"\xed\xa0\x80", b"\xf0\x9f\x9a\x80", bytes(300))


def some():
    """One of each, made anew, for those that can be changed."""
    return [
        *(
            None,
            True,
            7,
            -3,
            10**12,
            2.5,
            "tab\there",
            "caf\u00e9",
            "\u65e5",
            "",
            b"abc\xff",
            bytearray(b"xy"),
        ),
        *((), (1, "a"), [], [3, 1, 2], ["b", "a"], {}, {"a": 1, 2: "b"}, {1, "x"}, frozenset({1}), range(5)),
        *(slice(1, None), iter("ab"), len, "".join, Ellipsis),
    ]


def singletons():
    """Small numbers and single characters are not made but found, each in a place of its own."""
    found = []
    for n in range(-5, 1100):
        number = int(str(n))
        found += [number + 0, hash(number), number == n]
    for n in range(256):
        character = chr(n)
        byte = bytes([n])
        found += [character == "a", hash(character), repr(character), byte == b"a", hash(byte), byte[0]]
        found += [character.isalnum(), character.upper(), character + "\u65e5", [*character], [*byte]]
    return found
