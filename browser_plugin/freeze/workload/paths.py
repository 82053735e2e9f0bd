"""Questions that take every path through the rules, and ones that are none."""

import json
import re
from collections.abc import Iterator
from itertools import product
from typing import Any

from browser_plugin.freeze.workload.values import (
    MINUTE,
    NAME,
    NOW,
    ODD,
    OTHER_NAME,
    TEXTS,
    TYPES,
    facts,
    written,
)

WIDTHS = ("x", "\u00e9", "\u0416", "\u65e5", "\U0001f600", "\t", "\udead")
"""Characters of each length in UTF-8 and in Python's memory, and ones that JSON escapes."""
EDGES = (
    "\x80",
    "\u07ff",
    "\u0800",
    "\u0fff",
    "\u1000",
    "\ud7ff",
    "\ue000",
    "\uffff",
    "\U00010000",
    "\U00050000",
    "\U0010ffff",
)
"""The first and the last of each first byte in UTF-8 that its reader looks at in a way of its own."""
ESCAPE = re.compile(r"\\u(....)")


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
        '{"settings":',
        '{"settings":{}}',
        '{"settings":{},"now":-1}',
        '{"settings":{},"now":-1}',
        '{"settings":{"x":1},"now":-1,"settings":5}',
        '{"settings":{},"now":-1} ',
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
    for one, other in product((*WIDTHS, *EDGES), repeat=2):
        yield facts(event={"event": one, "anonymousId": "x" + other})
