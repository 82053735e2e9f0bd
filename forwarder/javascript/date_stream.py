"""A date's tokens as a stream."""

from collections.abc import Sequence
from typing import Final

from forwarder.javascript.date_parts import Invalid
from forwarder.javascript.date_tokens import Token

END: Final = Token("end")


class TokenStream:
    """The stream of a text's tokens; behind the last one there is ``END``."""

    def __init__(self, tokens: Sequence[Token]) -> None:
        self._tokens = tokens
        self._at = 0

    def peek(self) -> Token:
        """Return the next token, which stays."""
        return self._tokens[self._at] if self._at < len(self._tokens) else END

    def next(self) -> Token:
        """Return the next token, and go on."""
        token = self.peek()
        self._at += 1
        return token

    def skip(self, symbol: str) -> bool:
        """Go on if a symbol comes next; tell whether it does."""
        found = self.peek()
        if found.kind == "symbol" and found.text == symbol:
            self._at += 1
            return True
        return False

    def fixed(self, length: int, least: int, most: int) -> bool:
        """Return whether a number of so many digits, in bounds, comes next."""
        token = self.peek()
        return token.kind == "number" and token.length == length and least <= token.value <= most

    def need(self, length: int, least: int, most: int) -> int:
        """Return the number that has to come next, as ``fixed`` has it. Raises Invalid."""
        if not self.fixed(length, least, most):
            raise Invalid
        return self.next().value
