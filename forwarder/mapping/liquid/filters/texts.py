"""Filters on texts, counted in UTF-16 units as JavaScript counts."""

import re
from collections.abc import Callable

from forwarder.js import UNDEFINED, WHITESPACE, join_units, string_length, string_units, truthy
from forwarder.mapping.bounds import bounded
from forwarder.mapping.liquid.values import numeric, stringify

_BLANKS = re.compile(f"[{re.escape(WHITESPACE)}]+")
_LINE_ENDS = re.compile(r"\r?\n")
_CJK = "\u4e00-\u9fff\uf900-\ufaff\u3400-\u4dbf\u3040-\u309f\u30a0-\u30ff\uac00-\ud7af"
_CJK_LETTER = re.compile(f"[{_CJK}]")
_OTHER_WORD = re.compile(f"[^{_CJK}{re.escape(WHITESPACE)}]+")


def _joined(first: int) -> Callable[..., str]:
    """Return append (0) or prepend (1); both need exactly one argument."""

    def filter_(value: object, *others: object) -> str:
        if len(others) != 1:
            raise ValueError("it takes one argument")
        parts = (stringify(value), stringify(others[0]))
        return parts[first] + parts[1 - first]

    return filter_


def _strip(*, left: bool, right: bool) -> Callable[..., str]:
    def filter_(value: object, letters: object = UNDEFINED) -> str:
        text = stringify(value)
        away = WHITESPACE
        if truthy(letters):  # halves of a character are compared with whole ones: those never match
            away = "".join(letter for letter in stringify(letters) if letter <= "\uffff")
        text = text.lstrip(away) if left else text
        return text.rstrip(away) if right else text

    return filter_


def _cut(text: str, stop: float) -> str:
    """Return ``text.substring(0, stop)``."""
    if stop != stop or stop <= 0:
        return ""
    if text.isascii():
        return text[: int(min(stop, len(text)))]
    return join_units("".join(string_units(text)[: int(min(stop, 2 * len(text)))]))


def _capitalize(value: object) -> str:
    text = stringify(value)
    return text[:1].upper() + text[1:].lower()


def _remove_last(value: object, part: object = UNDEFINED) -> str:
    return _replace_last(value, part, "")


def _replace(value: object, part: object = UNDEFINED, by: object = UNDEFINED) -> str:
    text, old, new = stringify(value), stringify(part), stringify(by)
    bounded(len(text) + (text.count(old) + 1) * len(new))
    return text.replace(old, new) if old else new.join(string_units(text))


def _replace_first(value: object, part: object = UNDEFINED, by: object = UNDEFINED) -> str:
    return stringify(value).replace(stringify(part), stringify(by), 1)


def _replace_last(value: object, part: object = UNDEFINED, by: object = UNDEFINED) -> str:
    text, old = stringify(value), stringify(part)
    at = text.rfind(old)
    return text if at < 0 else text[:at] + stringify(by) + text[at + len(old) :]


def _split(value: object, separator: object = UNDEFINED) -> list[str]:
    text, between = stringify(value), stringify(separator)
    parts = text.split(between) if between else string_units(text)
    while parts and not parts[-1]:
        parts.pop()
    return parts


def _truncate(value: object, length: object = 50, tail: object = "...") -> object:
    text, end = stringify(value), stringify(tail)
    most = numeric(length)
    return value if string_length(text) <= most else _cut(text, most - string_length(end)) + end


def _truncatewords(value: object, words: object = 15, tail: object = "...") -> str:
    found = _BLANKS.split(stringify(value))
    most = numeric(words)
    most = 1 if most <= 0 else most
    text = " ".join(found[: int(most)] if most == most else [])
    return text + stringify(tail) if len(found) >= most else text


def _number_of_words(value: object, mode: object = UNDEFINED) -> int:
    text = stringify(value).strip(WHITESPACE)
    if not text:
        return 0
    letters = len(_CJK_LETTER.findall(text))
    if mode == "cjk" or (mode == "auto" and letters):
        return letters + len(_OTHER_WORD.findall(text))
    return len(_BLANKS.split(text))


FILTERS: dict[str, Callable[..., object]] = {
    "append": _joined(0),
    "prepend": _joined(1),
    "strip": _strip(left=True, right=True),
    "lstrip": _strip(left=True, right=False),
    "rstrip": _strip(left=False, right=True),
    "upcase": lambda value: stringify(value).upper(),
    "downcase": lambda value: stringify(value).lower(),
    "capitalize": _capitalize,
    "remove": lambda value, part=UNDEFINED: stringify(value).replace(stringify(part), ""),
    "remove_first": lambda value, part=UNDEFINED: stringify(value).replace(stringify(part), "", 1),
    "remove_last": _remove_last,
    "replace": _replace,
    "replace_first": _replace_first,
    "replace_last": _replace_last,
    "split": _split,
    "strip_newlines": lambda value: _LINE_ENDS.sub("", stringify(value)),
    "normalize_whitespace": lambda value: _BLANKS.sub(" ", stringify(value)),
    "truncate": _truncate,
    "truncatewords": _truncatewords,
    "number_of_words": _number_of_words,
}
