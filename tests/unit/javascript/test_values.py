"""JavaScript's value rules."""

import math

import pytest

from forwarder.javascript import values as js


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0, "0"),
        (-0.0, "0"),
        (1.0, "1"),
        (1.5, "1.5"),
        (0.1 + 0.2, "0.30000000000000004"),
        (1e21, "1e+21"),
        (10**21, "1e+21"),
        (1e20, "100000000000000000000"),
        (123456789012345678901, "123456789012345680000"),
        (2**53 + 1, "9007199254740992"),
        (1.2345678901234567e19, "12345678901234567000"),
        (1.5e300, "1.5e+300"),
        (0.000001, "0.000001"),
        (0.0000001, "1e-7"),
        (1.25e-7, "1.25e-7"),
        (-123.456, "-123.456"),
        (5e-324, "5e-324"),
        (math.nan, "NaN"),
        (-math.inf, "-Infinity"),
        (10**400, "Infinity"),
    ],
)
def test_number_to_string(number: float, text: str) -> None:
    assert js.number_to_string(number) == text


@pytest.mark.parametrize(
    ("value", "number"),
    [
        ("", 0),
        (" ", 0),
        (" 5 ", 5),
        ("\ufeff5\u2029", 5),
        ("1e3", 1000),
        ("0x10", 16),
        ("0B11", 3),
        ("0o17", 15),
        ("-Infinity", -math.inf),
        (".5", 0.5),
        ("5.", 5),
        (True, 1),
        (None, 0),
        ([], 0),
        (["7"], 7),
        ([[3]], 3),
    ],
)
def test_to_number(value: object, number: float) -> None:
    assert js.to_number(value) == number


@pytest.mark.parametrize(
    "value",
    ["abc", "1_000", "1,000", "-0x10", "0x", ".", "inf", "nan", "١", {}, [1, 2], js.UNDEFINED, "\x1c5"],
)
def test_to_number_is_nan(value: object) -> None:
    assert math.isnan(js.to_number(value))


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "null"),
        (True, "true"),
        ({}, "[object Object]"),
        ([], ""),
        ([1, None, [2, "x"], {"a": 1}, js.UNDEFINED, False], "1,,2,x,[object Object],,false"),
        (js.UNDEFINED, "undefined"),
    ],
)
def test_to_string(value: object, text: str) -> None:
    assert js.to_string(value) == text


def test_truthy() -> None:
    assert all(map(js.truthy, [True, 1, -0.5, "0", " ", [], {}]))
    assert not any(map(js.truthy, [False, 0, -0.0, math.nan, "", None, js.UNDEFINED]))


def test_utf16() -> None:
    assert js.string_length("你🚀") == 3
    assert js.string_units("a🚀") == ["a", "\ud83d", "\ude80"]
    assert js.join_units("\ud83d" + "\ude80") == "🚀"
    assert js.join_units("x\ud83d") == "x\ud83d"
