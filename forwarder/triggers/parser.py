"""Tokens to conditions, as loosely as Segment's reference reads them.

A level is a flat list: what is no condition is skipped, and the last ``and`` or ``or`` seen joins all of it.
Unlike the reference, parentheses nest and may hold ``contains(...)``: each group ends at its own bracket. A
group whose own bracket is missing ends at the next one, as in the reference.
"""

import re
from collections.abc import Sequence
from typing import Literal

from forwarder.errors import TriggerError
from forwarder.javascript.values import number_to_string, string_to_number
from forwarder.triggers.conditions import Condition, Group, Node
from forwarder.triggers.tokens import Token, tokenize

PLAIN_FIELDS = ("type", "event", "name", "userId")
NESTED_FIELDS = ("properties", "traits", "context")
FIELDS = PLAIN_FIELDS + NESTED_FIELDS
FUNCTIONS = ("contains", "match")

MAX_DEPTH = 50
"""Deepest nesting of parentheses."""

_PATH_KEY = re.compile(r"[^\[.\]]+")


def parse(text: str) -> Group:
    """Return the trigger as a group. Raises TriggerError with position and advice if it has no condition."""
    if not isinstance(text, str):
        raise TriggerError("a trigger is a text", 0, 'for example: type = "track"')
    tokens = tokenize(text)
    group = _Parser(tokens, 0).group()
    only = group.children[0] if len(group.children) == 1 else group
    if isinstance(only, Group) and not only.children:
        first = tokens[0]
        what = "nothing to compare" if first.kind == "end" else f"{first.text!r} is no condition"
        raise TriggerError(what, first.at, f'compare one of {", ".join(FIELDS)}, for example: type = "track"')
    return group


def value_of(token: Token) -> str | float | bool:
    """Return what a token stands for on the right of an operator; single quotes stay part of the text."""
    if token.kind == "string":
        return token.text.removeprefix('"').removesuffix('"')
    if token.kind == "number":
        return string_to_number(token.text)
    if token.kind == "word" and token.text in ("true", "false"):
        return token.text == "true"
    return token.text


def text_of(token: Token) -> str:
    """Return the value of a token as text."""
    value = value_of(token)
    if isinstance(value, str):
        return value
    return token.text if isinstance(value, bool) else number_to_string(value)


def closing_brackets(tokens: Sequence[Token]) -> dict[int, int]:
    """Return for each opening bracket that is closed where its own closing one is, both as indexes."""
    closing: dict[int, int] = {}
    opened: list[int] = []
    for at, token in enumerate(tokens):
        if token.kind == "open":
            opened.append(at)
        elif token.kind == "close" and opened:
            closing[opened.pop()] = at
    return closing


class _Parser:
    """Reads one level; the last token is ``end``."""

    def __init__(self, tokens: list[Token], depth: int) -> None:
        self.tokens = tokens
        self.at = 0
        self.depth = depth
        self.closing = closing_brackets(tokens)

    def _next(self) -> Token | None:
        token = self.tokens[self.at] if self.at < len(self.tokens) else None
        self.at += 1
        return token

    def _need(self, what: str, after: Token) -> Token:
        token = self._next()
        if token is None:
            mend = 'for example: type = "track", contains(event, "Order")'
            raise TriggerError(f"{what} is missing after {after.text!r}", after.at, mend)
        return token

    def group(self) -> Group:
        """Return the conditions of this level."""
        children: list[Node] = []
        operator: Literal["and", "or"] = "and"
        while (token := self._next()) and token.kind != "end":
            if token.kind == "word" and token.text.split(".")[0] in FIELDS:
                children.append(self._comparison(token))
            elif token.kind == "word" and token.text in FUNCTIONS:
                children.extend(self._function(token, negated=False))
            elif token.kind == "operator" and token.text == "!" and self._function_comes():
                name = self._need("a function", token)
                children.extend(self._function(name, negated=True))
            elif token.kind == "open":
                children.append(self._parentheses(token))
            elif token.kind == "conditional":
                operator = "or" if token.text == "or" else "and"
        return Group(operator, children)

    def _function_comes(self) -> bool:
        token = self.tokens[self.at]
        return token.kind == "word" and token.text in FUNCTIONS

    def _parentheses(self, opening: Token) -> Node:
        if self.depth >= MAX_DEPTH:
            raise TriggerError(f"parentheses nested deeper than {MAX_DEPTH}", opening.at, "take some away")
        start = self.at
        close = self.closing.get(start - 1) or self._next_closing(start)
        if close is None:
            raise TriggerError("'(' is not closed", opening.at, "add ')'")
        self.at = close + 1
        inside = self.tokens[start:close]
        end = Token("end", "eos", self.tokens[close].at)
        group = _Parser([*inside, end], self.depth + 1).group()
        return group.children[0] if len(group.children) == 1 else group

    def _next_closing(self, start: int) -> int | None:
        """Return where the next closing bracket is; a group that lacks its own takes that of a function."""
        tokens = range(start, len(self.tokens))
        return next((at for at in tokens if self.tokens[at].kind == "close"), None)

    def _comparison(self, field: Token) -> Condition:
        operator = self._need("an operator", field).text
        token = self._need("a value", field)
        name = field.text.split(".")[0]
        path = _path(name, field.text) if name in NESTED_FIELDS else ()
        if name not in ("type", "event") and operator in ("=", "!=") and token.text == "null":
            return Condition(name, path, "exists" if operator == "!=" else "not_exists")
        if name not in ("type", "event", "name") and operator == "=" and token.text in ("true", "false"):
            return Condition(name, path, f"is_{token.text}")
        if name not in NESTED_FIELDS:
            return Condition(name, path, operator, text_of(token))
        if token.kind == "number" and operator in ("=", "!="):
            return Condition(
                name, path, "number_equals" if operator == "=" else "number_not_equals", value_of(token)
            )
        return Condition(name, path, operator, value_of(token))

    def _function(self, function: Token, *, negated: bool) -> list[Condition]:
        """Return the condition; none for a field that functions do not take."""
        self._next()  # "("
        field = self._need("a field", function)
        self._next()  # ","
        token = self._need("a text", function)
        self._next()  # ")"
        if function.text == "contains":
            operator, value = "contains", text_of(token)
        elif token.text.endswith('*"'):
            operator, value = "starts_with", text_of(token)[:-1]
        else:
            operator, value = "ends_with", _without_first(text_of(token))
        if negated:
            operator = f"not_{operator}"
        if field.text in ("event", "name", "userId"):
            return [Condition(field.text, (), operator, value)]
        return [
            Condition(name, _path(name, field.text), operator, value)
            for name in NESTED_FIELDS
            if field.text.startswith(name)
        ]


def _without_first(text: str) -> str:
    """Return the text without its first UTF-16 unit, which the reference drops unseen in place of a ``*``."""
    if text[:1] > "\uffff":
        return text[0].encode("utf-16-le")[2:].decode("utf-16-le", "surrogatepass") + text[1:]
    return text[1:]


def _path(field: str, text: str) -> tuple[str, ...] | None:
    """Return the keys below the field: ``properties`` alone means its key ``properties``."""
    below = text.removeprefix(f"{field}.")
    return tuple(_PATH_KEY.findall(below)) or (None if below else ("",))
