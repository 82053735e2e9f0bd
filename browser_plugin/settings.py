"""The plugin's settings: the one place for their names, defaults and checks.

Python reads them with ``read_settings``; the page's JavaScript reads the same table (``TABLE``, put into its
files at build time) and the forwarder puts checked values into the settings document.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

REFERENCE_TYPES = ("track", "page", "identify", "group", "alias")
"""The event types that Segment's reference plugin stamps: all but screen."""


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting: its Python name, its name on pages, Segment's own name for it, and what it may hold."""

    name: str
    page: str
    kind: str
    """``ms``, ``flag``, ``text``, ``choice`` or ``types`` (a list of event types)."""
    default: object
    segment: str = ""
    choices: tuple[str, ...] = ()


TABLE = (
    Setting("session_length", "sessionLength", "ms", 1_800_000, "sessionLength"),
    Setting("session_events", "sessionEvents", "flag", False, "triggerSessionEvents"),
    Setting("started_name", "startedName", "text", "Session Started", "sessionStartEvent"),
    Setting("ended_name", "endedName", "text", "Session Ended", "sessionEndEvent"),
    Setting("event_types", "eventTypes", "types", REFERENCE_TYPES, choices=(*REFERENCE_TYPES, "screen")),
    Setting("maximum_length", "maximumLength", "ms", 0),
    Setting("new_on_reset", "newOnReset", "flag", False),
    Setting("new_on_user_change", "newOnUserChange", "flag", False),
    Setting("storage", "storage", "choice", "auto", choices=("auto", "localStorage", "cookie", "memory")),
    Setting("start_python", "startPython", "choice", "idle", choices=("idle", "now", "off")),
    Setting("runtime", "runtime", "choice", "frozen", choices=("frozen", "pyodide")),
    Setting("base", "base", "text", ""),
)


@dataclass(frozen=True, slots=True)
class SessionSettings:
    """Settings of the session plugin; lengths in milliseconds."""

    session_length: float = 1_800_000
    """Milliseconds without an event that end a session; 0 makes every event a session of its own."""
    session_events: bool = False
    """Whether Session Started and Session Ended are sent."""
    started_name: str = "Session Started"
    """The event sent when a session begins."""
    ended_name: str = "Session Ended"
    """The event sent, with the ended session's id and last activity, when the next one begins."""
    event_types: tuple[str, ...] = REFERENCE_TYPES
    """The event types that carry the session id and keep the session alive."""
    maximum_length: float = 0
    """Milliseconds after which a session ends in any case; 0 for never."""
    new_on_reset: bool = False
    """Whether ``analytics.reset()`` begins a new session with the next event."""
    new_on_user_change: bool = False
    """Whether another user id begins a new session."""
    storage: str = "auto"
    """Where the session is kept; ``auto`` is wherever Analytics.js keeps its own things."""
    start_python: str = "idle"
    """When Python starts: when the browser is idle, at once, or never."""
    runtime: str = "frozen"
    """The frozen module, or Pyodide as published."""
    base: str = ""
    """The address of the plugin's files; empty for those beside the script, which a bundle does not know."""

    def __post_init__(self) -> None:
        """Coerce numbers and flags as Segment's reference does; names are taken as they are.

        What is no number of milliseconds never ends a session, as there; ``read_settings``, through which
        pages and configurations go, refuses it.
        """
        for setting in TABLE:
            value = getattr(self, setting.name)
            if setting.kind == "ms":
                object.__setattr__(self, setting.name, as_number(value))
            elif setting.kind == "flag":
                object.__setattr__(self, setting.name, is_truthy(value))


def as_number(value: object) -> float:
    """Return what JavaScript's Number() makes of a settings value; NaN where it makes nothing."""
    if isinstance(value, (list, tuple)):
        if len(value) > 1 or (value and isinstance(value[0], bool)):
            return math.nan
        return as_number(value[0]) if value else 0
    if isinstance(value, str):
        text = value.strip()
        # Python takes more for digits than JavaScript does: other scripts', and groups of them.
        if not text.isascii() or "_" in text:
            return math.nan
        try:
            return float(text) if text else 0
        except ValueError:
            return math.nan
    if value is None:
        return 0
    return +value if isinstance(value, (int, float)) else math.nan


def is_truthy(value: object) -> bool:
    """Tell what JavaScript takes for true: empty objects and lists are."""
    return bool(value) or isinstance(value, (Mapping, list))


OFF = ("false", "off", "no", "0", "")
"""Texts that switch a flag off, in whatever case: environments and data attributes know texts only."""


def is_on(value: object) -> bool:
    """Tell whether a flag of a configuration, which may be a text, is on; the rest as JavaScript has it."""
    return value.strip().lower() not in OFF if isinstance(value, str) else is_truthy(value)


def check(setting: Setting, value: object) -> tuple[object, str | None]:
    """Return the usable value and, where the given one is not usable, what is wrong with it."""
    usable, must = _CHECKS[setting.kind](setting, value)
    if usable is None:
        return setting.default, f"{setting.page} must {must}"
    return usable, None


def _milliseconds(setting: Setting, value: object) -> tuple[object, str]:
    number = as_number(value)
    must = "be a number of milliseconds"
    if not (math.isfinite(number) and number < 1e15):
        return None, must
    return int(number) if number == int(number) else number, must


def _flag(setting: Setting, value: object) -> tuple[object, str]:
    return is_on(value), ""


def _text(setting: Setting, value: object) -> tuple[object, str]:
    return value if isinstance(value, str) and value else None, "be a text that is not empty"


def _types(setting: Setting, value: object) -> tuple[object, str]:
    given = value.replace(",", " ").split() if isinstance(value, str) else value
    must = f"list some of {', '.join(setting.choices)}"
    if isinstance(given, (list, tuple)) and given and all(word in setting.choices for word in given):
        return tuple(given), must
    return None, must


def _choice(setting: Setting, value: object) -> tuple[object, str]:
    return value if value in setting.choices else None, f"be one of {', '.join(setting.choices)}"


_CHECKS = {"ms": _milliseconds, "flag": _flag, "text": _text, "types": _types, "choice": _choice}
"""By a setting's kind: what makes the usable value, None where there is none, and what it must be."""


def names_of_settings() -> dict[str, Setting]:
    """Return the settings under each of their names: Segment's, where it has one, pages' and Python's."""
    return {
        name: setting for setting in TABLE for name in (setting.segment, setting.page, setting.name) if name
    }


def read_settings(raw: Mapping[str, object]) -> tuple[SessionSettings, list[str]]:
    """Read settings under any of their names; return them and one line for each unusable or unknown one."""
    names = names_of_settings()
    values: dict[str, object] = {}
    problems = []
    for name, value in raw.items():
        setting = names.get(name)
        if setting is None:
            problems.append(f"{name} is not a setting; there are {', '.join(item.page for item in TABLE)}")
            continue
        values[setting.name], problem = check(setting, value)
        if problem:
            problems.append(f"{problem}; {setting.default!r} is used")
    return SessionSettings(**values), problems  # type: ignore[arg-type]  # checked one by one above


SHORTEST_USUAL_MS = 60_000
"""Milliseconds; a session that ends after less was probably given in seconds or minutes."""
LONGEST_USUAL_MS = 7 * 86_400_000


def settings_doubts(raw: Mapping[str, object]) -> list[str]:
    """Return one line for each length that can be used, but is probably not meant as it is written."""
    names = names_of_settings()
    found = []
    for name, value in raw.items():
        setting = names.get(name)
        if setting is None or setting.kind != "ms":
            continue
        length, problem = check(setting, value)
        if problem or not isinstance(length, (int, float)):
            continue
        if length < 0 or (length == 0 and setting.default):
            found.append(
                f"{name}: {length} ms makes every event a session of its own; 30 minutes are 1800000"
            )
        elif 0 < length < SHORTEST_USUAL_MS:
            found.append(
                f"{name}: {length} ms are {length / 1000:g} s; give milliseconds: 30 minutes are 1800000"
            )
        elif length > LONGEST_USUAL_MS:
            days = length / 86_400_000
            found.append(
                f"{name}: {length} ms are {days:.0f} days; give milliseconds: 30 minutes are 1800000"
            )
    return found
