"""Made-up questions: the same ones every time."""

import json
from collections.abc import Iterator
from itertools import islice
from random import Random
from typing import Any

from browser_plugin.destinations import NAMES
from browser_plugin.freeze.workload.values import MINUTE, NAME, NOW, ODD, TEXTS, TYPES, facts, written

RANGES = (
    *((0x20, 0x7F), (0x20, 0x7F), (0, 0x20), (0x7F, 0x100), (0x100, 0x800), (0x800, 0xD800)),
    *((0xD800, 0xE000), (0xE000, 0x10000), (0x10000, 0x110000)),
)
"""Where made-up characters come from: of every length, halves among them."""
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


def generated(count: int) -> Iterator[str]:
    """Yield made-up questions: mostly visits as they are, some with odd values."""
    random = Random(4)
    for made in islice(questions(random), count):
        yield json.dumps(made) if random.random() < 0.1 else written(made)


def questions(random: Random) -> Iterator[dict[str, Any]]:
    """Yield made-up facts without end. Settings stay for a while, as on a page."""
    settings: dict[str, Any] = {}
    while True:
        made = question(random)
        if settings and random.random() < 0.7:
            made["settings"] = settings
        settings = made["settings"]
        yield made


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
