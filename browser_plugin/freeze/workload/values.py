"""What questions to the session plugin are made of: facts about an ordinary event, odd values."""

import json
import re
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
HALF = re.compile("[\ud800-\udfff]")
SETTINGS: dict[str, Any] = {
    one.page: list(one.default) if isinstance(one.default, tuple) else one.default for one in TABLE
}


def facts(**changed: Any) -> dict[str, Any]:
    """Return the facts about an ordinary event, some of them changed; ``rules`` says what they are.

    The settings come first, as in what a page writes (``entry``).
    """
    settings = {**SETTINGS, "sessionEvents": True, **changed.pop("settings", {})}
    event: dict[str, Any] = {
        "type": "track",
        "event": "Signed Up",
        "userId": None,
        "anonymousId": "a-1",
        "integrations": {},
    }
    usual = {
        "settings": settings,
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
    }
    return {**usual, **changed}


def written(value: object) -> str:
    """Return a question as a page writes it: half characters are escaped, whole ones are not."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return HALF.sub(lambda half: f"\\u{ord(half[0]):04x}", text)
