"""What the session plugin's entry is asked: the texts it is warmed, profiled and checked with.

A workload module has two functions: ``texts``, a list that takes every path through the entry function, and
``generated``, as many made-up texts as wanted, the same ones every time.
"""

import json
import re
from collections.abc import Iterator
from itertools import product
from random import Random
from typing import Any

from browser_plugin.destinations import NAMES
from browser_plugin.settings import TABLE

NOW = 1_700_000_000_000
MINUTE = 60_000
NAME, OTHER_NAME = NAMES
TYPES = ("track", "track", "track", "page", "identify", "group", "alias", "screen")
TEXTS = (
    "",
    "x",
    "Session Started",
    "Session Ended",
    "Gr\u00f6\u00dfe",
    "\u65e5\u672c",
    "\U0001f600",
    "u-1",
    "u-2",
    "\ud83d",
)
WIDTHS = ("x", "\u00e9", "\u0416", "\u65e5", "\U0001f600", "\t", "\udead")
"""Characters of each length in UTF-8 and in Python's memory, and ones that JSON escapes."""
RANGES = (
    *((0x20, 0x7F), (0x20, 0x7F), (0, 0x20), (0x7F, 0x100), (0x100, 0x800), (0x800, 0xD800)),
    *((0xD800, 0xE000), (0xE000, 0x10000), (0x10000, 0x110000)),
)
"""Where made-up characters come from: of every length, halves among them."""
ODD: tuple[Any, ...] = (
    *(
        None,
        True,
        False,
        0,
        -0.0,
        1,
        1.5,
        -3,
        1e21,
        1e-7,
        10**15,
        "",
        "x",
        "true",
        "5",
        "\u0661",
        "\ud83d",
        [],
        [1],
        {},
    ),
    *(
        {"session_id": 5},
        {"session_id": None},
        {"session_id": True},
        {"session_id": 1.5},
        {"session_id": "5"},
    ),
    *({"__proto__": {"session_id": 3}}, {"constructor": 1}, {"2": 1, "1": 2, "a": 0}, [None, {"a": [True]}]),
    *(
        "Session Started",
        "track",
        "page",
        "first visit",
        '\n\\"\t\0',
        "x" * 70,
        12_345_678_901_234_567_890,
        0.1,
    ),
)
"""JSON values that no page should hand over."""
STORED = (
    "",
    "0",
    "00",
    "017",
    "1e3",
    " 1",
    "-1",
    "1.5",
    "1_0",
    "x",
    "null",
    "\u0661",
    "9" * 15,
    "9" * 16,
    "\u4e2d",
)
"""Stored texts that are no time, or odd ones."""
ESCAPE = re.compile(r"\\u(....)")
HALF = re.compile("[\ud800-\udfff]")
SETTINGS: dict[str, Any] = {
    one.page: list(one.default) if isinstance(one.default, tuple) else one.default for one in TABLE
}


def facts(**changed: Any) -> dict[str, Any]:
    """Return the facts about an ordinary event, some of them changed; ``rules`` says what they are."""
    settings = {**SETTINGS, "sessionEvents": True, **changed.pop("settings", {})}
    event: dict[str, Any] = {
        "type": "track",
        "event": "Signed Up",
        "userId": None,
        "anonymousId": "a-1",
        "integrations": {},
    }
    usual = {
        "event": {**event, **changed.pop("event", {})},
        "time": NOW - 20,
        "born": NOW - 5_000,
        "now": NOW,
        "stores": [[str(NOW - 5 * MINUTE), str(NOW - MINUTE), ""]],
        "earlier": False,
        "before": None,
        "loaded": {},
        "visitor": None,
        "user": None,
        "settings": settings,
    }
    return {**usual, **changed}


def texts() -> list[str]:
    """Return questions that take every path of the rules, and ones that are none."""
    asked = [written(one) for one in [*sessions(), *stamps(), *events(), *names()]]
    escaped = [json.dumps(one) for one in [*events(), *names()]]  # as other writers of JSON do
    asked += [*escaped, *(ESCAPE.sub(lambda one: "\\u" + one[1].upper(), text) for text in escaped)]
    return [
        *asked,
        "",
        "x",
        "{}",
        "null",
        "[]",
        '{"event":{}}',
        "\u00e9" * 300,
        "\0",
        "{" * 50,
        '"\ud83d"',
        "1e999",
    ]


def sessions() -> Iterator[dict[str, Any]]:
    """Yield what ends and begins sessions."""
    ids = ("", str(NOW - 5 * MINUTE), str(NOW + MINUTE), "0", "1e3", "\u0661\u0662")
    lasts = ("", str(NOW - 1), str(NOW - 31 * MINUTE), str(NOW + MINUTE), "-1", "x" * 16)
    visitor = {"session": ids[1], "user": "u-1", "anonymousId": "a-0", "userId": "u-1"}
    for stored_id, last, length, maximum, reset in product(
        ids, lasts, (0, 1_800_000, 1_500), (0, 60_000), ("", "1")
    ):
        settings = {"sessionLength": length, "maximumLength": maximum}
        yield facts(stores=[[stored_id, last, reset]], settings=settings, visitor=visitor)
    two = [[ids[1], lasts[1], ""], [str(NOW - 90 * MINUTE), lasts[2], "1"], ["", "", ""], ["x", "x", ""]]
    for count in range(5):
        for stores in (two[:count], two[::-1][:count]):
            yield facts(stores=stores, earlier=count == 1)
    for now in (*ODD, NOW + 0.5, 10**15 - 1):
        yield facts(now=now)
    for time in (*ODD, NOW + 1, NOW - 60_000, NOW - 60_001, NOW - 31 * MINUTE):
        yield facts(time=time, stores=[["", "", ""]])
        yield facts(
            time=time, stores=[[str(NOW - 90 * MINUTE), str(NOW - 10), ""]], settings={"sessionLength": 5}
        )


def stamps() -> Iterator[dict[str, Any]]:
    """Yield every way to say yes and no to the destination, and another plugin's stamps."""
    values: tuple[Any, ...] = (
        None,
        True,
        False,
        0,
        1,
        "",
        "x",
        [],
        {},
        {"session_id": 5},
        {"groups": {"a": "b"}},
    )
    for everything, name, other in product(
        (None, True, False), values, (None, False, True, {"session_id": 7})
    ):
        said = {"All": everything, NAME: name, OTHER_NAME: other}
        yield facts(event={"integrations": {key: one for key, one in said.items() if one is not None}})
    for given in ODD:
        yield facts(event={"integrations": given})
        yield facts(event={"integrations": {NAME: given}}, loaded={NAME: given})
        yield facts(loaded=given, stores=[["", "", ""]])
    stored = [[str(NOW - 40 * MINUTE), str(NOW - 35 * MINUTE), ""]]
    for stamp, options, kind in product(
        (NOW, NOW - 40 * MINUTE, 5), (None, {"session_id": 5}, False), TYPES[2:]
    ):
        event = {"type": kind, "event": "Session Ended", "integrations": {NAME: {"session_id": stamp}}}
        for stores in ([[str(NOW), str(NOW), ""]], stored):
            for before in (stored, [["", "", ""]]):
                yield facts(event=event, stores=stores, before={"stores": before, "options": options})


def events() -> Iterator[dict[str, Any]]:
    """Yield events of every kind, and users who change."""
    kinds: tuple[Any, ...] = (*TYPES[2:], None, 5, [], "odd")
    for kind, name, stamp in product(kinds, TEXTS, ({}, {NAME: {"session_id": 5}})):
        yield facts(event={"type": kind, "event": name, "integrations": stamp}, time=NOW - 9_000)
        yield facts(event={"type": kind, "event": None, "name": name, "integrations": stamp})
    users: tuple[Any, ...] = (*TEXTS, None, 5, 6, [])
    for user, now_user, on in product(users, users, (True, False)):
        settings = {"newOnUserChange": on}
        yield facts(event={"userId": now_user, "anonymousId": user}, user=user, settings=settings)
    for field in ("type", "event", "name", "userId", "anonymousId"):
        for value in ODD:
            yield facts(event={field: value}, stores=[["", "", ""]])
    for visitor in (None, {}, {"session": "5", "anonymousId": None, "userId": "u-1"}):
        yield facts(visitor=visitor, user="u-2", event={"userId": "u-1"}, settings={"newOnUserChange": True})


def names() -> Iterator[dict[str, Any]]:
    """Yield names in every script: what widens a text while it is read and while it is put together."""
    pairs = [
        one * few + other * many for one, other in product(WIDTHS, WIDTHS) for few, many in ((1, 1), (9, 20))
    ]
    digits = [chr(digit * 0x1111) for digit in range(16)]  # each digit at each place of an escape
    for name in [*pairs, *digits, *(one + "x" * 20 + other for one, other in product(WIDTHS, WIDTHS))]:
        yield facts(
            event={"event": name, "anonymousId": name, "userId": name},
            stores=[["", "", ""]],
            settings={"startedName": name, "endedName": name},
        )


def generated(count: int) -> Iterator[str]:
    """Yield made-up questions: mostly visits as they are, some with odd values."""
    random = Random(4)
    for _ in range(count):
        made = question(random)
        yield json.dumps(made) if random.random() < 0.1 else written(made)


def question(random: Random) -> dict[str, Any]:
    """Return made-up facts."""
    now = NOW + random.randrange(10**9)
    event = {
        "type": random.choice(TYPES),
        "event": random.choice((*TEXTS, word(random), word(random), word(random))),
        "userId": random.choice((None, None, "u-1", "u-1", "u-2", word(random))),
        "anonymousId": random.choice((f"{random.getrandbits(64):x}", word(random))),
        "integrations": integrations(random),
    }
    for field in ("type", "event", "name", "userId", "anonymousId"):
        if random.random() < 0.06:
            event[field] = odd(random)
    made = facts(
        event=event,
        time=random.choice((None, now, now - random.randrange(10**5), now - random.randrange(10**9))),
        born=now - random.randrange(10**6),
        now=now,
        stores=[stored(random, now) for _ in range(random.choice((1, 1, 2, 3)))],
        earlier=random.random() < 0.1,
        loaded=random.choice((None, {}, {}, {"All": True}, integrations(random))),
        user=random.choice((None, "u-1", "u-2")),
        visitor=random.choice((None, visitor(random, now))),
        settings={
            "sessionEvents": random.random() < 0.7,
            "newOnUserChange": random.random() < 0.3,
            "sessionLength": random.choice((1_800_000, 1_800_000, 0, MINUTE, 1_500)),
            "maximumLength": random.choice((0, 0, 86_400_000, 600_123)),
            "startedName": random.choice(("Session Started", word(random))),
            "endedName": random.choice(("Session Ended", word(random))),
        },
    )
    if random.random() < 0.2:
        made["before"] = {"stores": [stored(random, now)], "options": odd(random)}
        if random.random() < 0.5:
            made["event"]["integrations"] = {NAME: {"session_id": now - random.choice((0, 1, MINUTE))}}
    return made


def word(random: Random) -> str:
    """Return a made-up text in one script, or in several."""
    ranges = random.choices(RANGES, k=random.choice((1, 1, 2, 3)))
    return "".join(chr(random.randrange(*random.choice(ranges))) for _ in range(random.choice((1, 3, 8, 40))))


def visitor(random: Random, now: int) -> dict[str, Any]:
    """Return a made-up visitor of the event before."""
    session = str(now - random.choice((5 * MINUTE, 7)))
    return {"session": session, "user": "u-1", "anonymousId": random.choice((None, "a-1")), "userId": "u-1"}


def stored(random: Random, now: int) -> list[str]:
    """Return what a made-up store holds."""
    begun = random.choice((now - 5 * MINUTE, now - 5 * MINUTE, now + MINUTE, now - random.randrange(10**8)))
    last = random.choice((now - 1, now - 31 * MINUTE, now + MINUTE, now - random.randrange(10**7)))
    found = [str(begun), str(last), random.choice(("", "", "", "1", "0"))]
    if random.random() < 0.15:
        found[random.randrange(2)] = random.choice(STORED)
    return found


def integrations(random: Random) -> Any:
    """Return made-up integrations: mostly none to speak of."""
    if random.random() < 0.5:
        return random.choice(({}, None, {"All": True}))
    if random.random() < 0.2:
        return odd(random)
    return {name: odd(random) for name in ("All", *NAMES) if random.random() < 0.5}


def odd(random: Random, depth: int = 0) -> Any:
    """Return a JSON value that nobody expects."""
    if depth < 2 and random.random() < 0.3:
        names = (*NAMES, "All", "session_id", "x", "__proto__", "constructor", "7", "")
        return {random.choice(names): odd(random, depth + 1) for _ in range(random.randrange(4))}
    return random.choice(ODD)


def written(value: object) -> str:
    """Return a question as a page writes it: half characters are escaped, whole ones are not."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return HALF.sub(lambda half: f"\\u{ord(half[0]):04x}", text)
