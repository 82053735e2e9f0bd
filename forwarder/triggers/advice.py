"""What a readable trigger probably does not mean."""

from collections.abc import Iterator

from forwarder.triggers.parser import FIELDS, FUNCTIONS, PLAIN_FIELDS
from forwarder.triggers.tokens import Token

KNOWN_OPERATORS = ("=", "!=", "<", "<=", ">", ">=")
UPPER = {"AND": "and", "OR": "or", "NULL": "null", "NOT": "!contains(...) or !="}


def advise(tokens: list[Token]) -> Iterator[str]:
    """Yield one line for each doubtful place of a trigger that parses: what it does, and how to mend it."""
    levels: list[set[str]] = [set()]
    opened: list[Token] = []
    at = 0
    while at < len(tokens):
        token = tokens[at]
        field = token.text.split(".")[0]
        if token.kind == "word" and field in FIELDS and at + 2 < len(tokens):
            yield from _comparison(token, tokens[at + 1], tokens[at + 2])
            at += 3
            continue
        if token.kind == "word" and token.text in FUNCTIONS:
            yield from _function(token, tokens[at + 2 : at + 5])
            at += 6
            continue
        if token.kind == "open":
            levels.append(set())
            opened.append(token)
            if tokens[at + 1].kind == "close":
                yield f"'()' at character {token.at} holds no condition, so it is false; remove it"
        elif token.kind == "close":
            if len(levels) == 1:
                yield f"')' at character {token.at} closes nothing and is skipped; remove it"
            else:
                levels.pop()
                opened.pop()
        elif token.kind == "conditional":
            yield from _mixed(levels[-1], token)
        elif token.text != "!" or tokens[at + 1].text not in FUNCTIONS:
            yield from _skipped(token)
        at += 1
    for token in opened:
        yield (
            f"'(' at character {token.at} is not closed: the next ')' ends its group, as in Segment; "
            "add ')' where it should end"
        )


def _mixed(seen: set[str], token: Token) -> Iterator[str]:
    """Yield a doubt about ``and`` and ``or`` on one level, once."""
    if seen and token.text not in seen and len(seen) == 1:
        yield (
            f"and/or mixed at character {token.at}: the last one joins all of this level, as in Segment; "
            "put parentheses around what belongs together"
        )
    seen.add(token.text)


def _comparison(field: Token, operator: Token, value: Token) -> Iterator[str]:
    if operator.text not in KNOWN_OPERATORS:
        yield (
            f"{operator.text!r} at character {operator.at} after {field.text!r} is no operator; "
            f"use {' '.join(KNOWN_OPERATORS)} or contains(...), match(...)"
        )
    if value.kind == "end":
        yield f"no value after {field.text!r} at character {field.at}: it is compared with eos; add a value"
    elif value.kind == "string":
        yield from _single_quoted(value)
    if operator.text in ("<", "<=", ">", ">=") and value.kind == "string":
        yield f"{operator.text} at character {operator.at} compares numbers only; write one without quotes"
    if field.text in ("type", "event") and value.kind == "null":
        yield f"{field.text} at character {field.at} is compared with the text null; use contains or a name"
    if (
        operator.text == "!="
        and value.text in ("true", "false")
        and field.text.split(".")[0] not in PLAIN_FIELDS
    ):
        other = "false" if value.text == "true" else "true"
        yield f"!= {value.text} at character {value.at} compares with a text; write = {other}"


def _function(function: Token, arguments: list[Token]) -> Iterator[str]:
    if len(arguments) < 3:
        return
    field, _, value = arguments
    if field.text.split(".")[0] not in FIELDS or field.text == "type":
        yield (
            f"{function.text}({field.text}, ...) at character {function.at} is skipped: "
            "it takes event, name, userId, properties.*, traits.* and context.*"
        )
    yield from _single_quoted(value)
    if function.text == "match" and value.kind == "string":
        inner = value.text[1:-1]
        if not inner.startswith("*") and not inner.endswith("*"):
            yield (
                f"match(..., {value.text}) at character {value.at} means: ends with {inner[1:]!r} (the first "
                'character is dropped); write "text*" for a beginning, "*text" for an end, or ='
            )


def _single_quoted(value: Token) -> Iterator[str]:
    if value.text.startswith("'"):
        yield f"{value.text} at character {value.at} never matches, its quotes count; use double quotes"


def _skipped(token: Token) -> Iterator[str]:
    if token.kind == "end":
        return
    if token.text.upper() in UPPER:
        yield f"{token.text!r} at character {token.at} is skipped; write {UPPER[token.text.upper()]}"
    elif token.kind == "word":
        yield (
            f"{token.text!r} at character {token.at} is no field and is skipped with what follows; "
            f"fields are {', '.join(FIELDS)}"
        )
    elif token.kind != "comma":
        yield f"{token.text!r} at character {token.at} is skipped; remove it or compare it with a field"
