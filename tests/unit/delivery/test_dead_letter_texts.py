"""A dead letter as an operator sees it: on a line, in full, and whether sending it again may count twice."""

from collections.abc import AsyncIterator, Sequence
from typing import Any

import orjson
import pytest

from forwarder.amplitude.wire.limits import INSERT_ID_WINDOW_MS
from forwarder.delivery.dead_letters import (
    PAGE,
    TWICE,
    dead_letters,
    described,
    may_count_twice,
    numbered,
    one_line,
    page_by_page,
)
from forwarder.spool import DeadLetter, StoredEvent

NOW = 1_790_000_000_123
SECONDS = "2026-09-21T14:13:20Z"


def letter(number: int = 1, reason: str = "invalid time", **more: Any) -> DeadLetter:
    body = orjson.dumps({"type": "track", "userId": "u1"})
    event = StoredEvent(number + 1, NOW - 60_000, "shop", "m\t1", more.pop("body", body))
    values: dict[str, Any] = {"destination": "amplitude", "detail": b'{"items":1}', "state": b"", **more}
    return DeadLetter(number, values["destination"], NOW, event, reason, values["detail"], values["state"])


class Letters:
    """As much of a spool as the operator's commands ask for."""

    def __init__(self, *letters: DeadLetter) -> None:
        self.letters = letters
        self.asked: list[tuple[Any, ...]] = []

    async def dead(
        self, destination: str | None = None, after: int = 0, limit: int = 100, number: int | None = None
    ) -> list[DeadLetter]:
        self.asked.append((destination, after, limit, number))
        found = [one for one in self.letters if destination in (None, one.destination) and one.number > after]
        return [one for one in found if number in (None, one.number)][:limit]


async def numbers(found: AsyncIterator[DeadLetter]) -> list[int]:
    return [one.number async for one in found]


async def test_letters_come_page_by_page_and_by_destination_and_reason() -> None:
    spool: Any = Letters(
        *(letter(n, destination="b" if n % 2 else "a") for n in range(1, PAGE + 3)), letter(9_000, "gave up")
    )
    assert await numbers(dead_letters(spool)) == [*range(1, PAGE + 3), 9_000]
    assert spool.asked == [(None, after, PAGE, None) for after in (0, PAGE, 9_000)]
    assert await numbers(dead_letters(spool, "a")) == list(range(2, PAGE + 3, 2))
    assert await numbers(dead_letters(spool, reason="gave")) == [9_000]
    assert await numbers(dead_letters(spool, reason="")) == [*range(1, PAGE + 3), 9_000]
    assert await numbers(numbered(spool, [3, 4_000, 2])) == [3, 2]


async def test_a_bounded_number_is_acted_upon_at_once() -> None:
    acted: list[Sequence[int]] = []

    async def act(numbers: Sequence[int]) -> int:
        acted.append(numbers)
        return len(numbers)

    every = list(range(2 * PAGE + 1))
    assert await page_by_page(act, every) == len(every)
    assert acted == [every[:PAGE], every[PAGE : 2 * PAGE], every[2 * PAGE :]]
    assert await page_by_page(act, []) == 0


def test_a_line_has_columns_and_no_others() -> None:
    line = one_line(letter(7, "invalid\ttime\n"))
    assert line.split("\t")[:4] == ["7", SECONDS, "amplitude", "shop"]
    assert len(line.split("\t")) == 6
    assert "\n" not in line


def test_everything_kept_is_shown() -> None:
    shown = orjson.loads(described(letter(7), NOW))
    assert shown == {
        "number": 7,
        "destination": "amplitude",
        "reason": "invalid time",
        "diedAt": SECONDS,
        "receivedAt": "2026-09-21T14:12:20Z",
        "source": "shop",
        "messageId": "m\t1",
        "event": {"type": "track", "userId": "u1"},
        "detail": {"items": 1},
    }
    assert b"\n  " in described(letter(7), NOW), "in lines, for people"


def test_why_it_is_in_its_session_and_what_is_no_json_are_shown() -> None:
    body = orjson.dumps({"integrations": {"Actions Amplitude": {"session_id": 1}}})
    assert orjson.loads(described(letter(body=body), NOW))["session"]
    shown = orjson.loads(described(letter(body=b"{\xffbroken", detail=b"[1]"), NOW))
    assert shown["event"] == {"text": "{\ufffdbroken"}
    assert shown["detail"] == {"text": [1]}


@pytest.mark.parametrize(
    ("state", "twice"),
    [
        (b"", False),
        (b"{}", False),
        (b"[]", False),
        (b"broken", False),
        (b'{"maybe_since":0}', False),
        (b'{"maybe_since":"yes"}', False),
        (b'{"maybe_since":%d}' % (NOW - INSERT_ID_WINDOW_MS), False),
        (b'{"maybe_since":%d}' % (NOW - INSERT_ID_WINDOW_MS - 1), True),
        (b'{"maybe_since":1}', True),
    ],
)
def test_what_amplitude_may_have_taken_over_seven_days_ago_may_count_twice(state: bytes, twice: bool) -> None:
    assert may_count_twice(letter(state=state), NOW) is twice
    assert orjson.loads(described(letter(state=state), NOW)).get("warning") == (TWICE if twice else None)
