"""What the host's Python answers: what every frozen module is held against."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from browser_plugin.freeze.order import LONGEST
from browser_plugin.freeze.tools import FreezeError, host_answers

OUTSIDE: tuple[object, ...] = (
    *("", "\0", "\0\t\0\t\0\t\0\t\0\t\0", "\ud83d", "1\t1\t1\t1\t1\t\ude00"),
    *(
        "x" * 4000,
        "\t" * 8000,
        "9" * 16_380,
        "[" * 9000,
        '{"a":' * 2000,
        "\u4e2d" * 2700,
        "x" * 3_000_000,
        "\u4e2d\U0001f600" * 400_000,
    ),
    *(None, 5, 1.5, True, [], ["1"], {}, {"toString": None}),
)
"""What no page hands over: empty, huge, halves of characters, other types. A right answer or a clean end."""


@dataclass(frozen=True, slots=True)
class Host:
    """Calls and their answers."""

    texts: Sequence[str]
    answers: Sequence[str]
    """To ``texts``, in their order."""
    outside: dict[str, str]
    """To those texts of OUTSIDE that the function has an answer to."""

    @classmethod
    def ask(cls, wheel: Path, entry: tuple[str, str], texts: Sequence[str]) -> Host:
        """Ask the entry function of a wheel; raises FreezeError where it does not answer one of ``texts``."""
        odd = [value for value in OUTSIDE if isinstance(value, str)]
        replies = host_answers(wheel, *entry, [*texts, *odd], LONGEST)
        answers = []
        for text, one in zip(texts, replies, strict=False):
            if "raised" in one:
                raise FreezeError(f"{':'.join(entry)} gives {one['raised']:.120}, for {text!r:.40}")
            if len(one["answer"].encode("utf-8", "replace")) > LONGEST:
                raise FreezeError(f"the answer to {text!r:.40} is longer than {LONGEST} bytes")
            answers.append(one["answer"])
        outside = {
            text: one["answer"]
            for text, one in zip(odd, replies[len(texts) :], strict=True)
            if "answer" in one
        }
        return cls(texts, answers, outside)
