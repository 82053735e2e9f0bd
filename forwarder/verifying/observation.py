"""What a browser showed of a site: the events that its page sent, how it looked, what went wrong."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from browser_plugin.destinations import NAMES, may_receive

PLUGIN = "Amplitude Session"
"""The plugin's name in Analytics.js."""
PROBE = "Forwarder Verify"
"""The name of the events that the check itself has the page track; none of them leaves the browser."""
UNSTAMPED_TYPES = ("screen",)
"""Types that carry no session id unless a setting says so."""


@dataclass(frozen=True, slots=True)
class SeenEvent:
    """An event that the page was about to send. ``step``: what was being tried; ``url``: where it went."""

    event: Mapping[str, Any]
    url: str = ""
    step: str = ""
    leaving: bool = False
    """Whether the page was going away."""

    @property
    def name(self) -> str:
        """Return its type, and its name where it has one."""
        named = self.event.get("event") or self.event.get("name")
        return f"{self.event.get('type')} {named!r}" if named else str(self.event.get("type"))

    @property
    def message_id(self) -> str:
        """Return what tells two events apart."""
        return str(self.event.get("messageId"))

    @property
    def probe(self) -> str:
        """Return the step that the check tracked it for; empty for the page's own events."""
        if self.event.get("event") != PROBE:
            return ""
        properties = self.event.get("properties")
        return str(properties.get("step")) if isinstance(properties, Mapping) else ""

    @property
    def stamp(self) -> int | None:
        """Return the session id that it carries under either name of the destination."""
        integrations = self.event.get("integrations")
        for name in NAMES:
            options = integrations.get(name) if isinstance(integrations, Mapping) else None
            found = options.get("session_id") if isinstance(options, Mapping) else None
            if isinstance(found, int | float) and not isinstance(found, bool) and found > 0:
                return int(found)
        return None

    @property
    def needs_stamp(self) -> bool:
        """Return whether it may go to Amplitude and is of a type that carries a session id."""
        return self.event.get("type") not in UNSTAMPED_TYPES and may_receive(self.event.get("integrations"))


@dataclass(frozen=True, slots=True)
class Violation:
    """A refusal by the page's policy. ``blocked``: an address, or a word like ``inline``."""

    directive: str
    blocked: str


@dataclass(frozen=True, slots=True)
class Failure:
    """A file that the page asked for in vain. ``why``: the status, or the browser's words."""

    url: str
    why: str


@dataclass(frozen=True, slots=True)
class Storage:
    """The page's stores for a session on the device."""

    local: str = ""
    """The id in localStorage."""
    cookie: str = ""
    """The id in a cookie."""
    storage_error: str = ""
    """What the browser says to whoever touches localStorage."""
    cookies_off: bool = False
    memory_only: bool = False
    """Whether the page itself told Analytics.js to keep nothing on the device."""

    @property
    def stored(self) -> str:
        """Return the session id as it is kept on the device; empty for none."""
        return self.local or self.cookie


@dataclass(frozen=True, slots=True)
class Look(Storage):
    """A look at the page at one moment. Times in ms since the epoch."""

    analytics: bool = False
    """Whether Analytics.js, or its buffer, is there."""
    initialized: bool = False
    cdn: str = ""
    plugins: tuple[str, ...] = ()
    """Names of the enrichment plugins that Analytics.js runs, in order."""
    scripts: tuple[str, ...] = ()
    """Addresses of the session plugin's script tags."""
    session_id: int | None = None
    last_activity: int | None = None
    expires_at: int | None = None
    python: str = ""
    """The plugin's own word on Python; empty where the plugin is not there."""
    explained: str = ""


@dataclass(frozen=True, slots=True)
class SettingsDocument:
    """The settings document that Analytics.js fetched. ``plugins``: the names of those that it brings."""

    url: str
    status: int
    plugins: tuple[str, ...] = ()


@dataclass(slots=True)
class Visit:
    """All that one browser showed. ``looks``: by the step after which the page was looked at."""

    url: str
    browser: str = ""
    events: list[SeenEvent] = field(default_factory=list)
    looks: dict[str, Look] = field(default_factory=dict)
    violations: list[Violation] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)
    settings: SettingsDocument | None = None
    consented: bool = False
    """Whether there was a button that gives consent, which was clicked."""

    @property
    def first_look(self) -> Look:
        """Return how the page was once it had loaded."""
        return self.looks.get("arrival", Look())

    def probe(self, step: str) -> SeenEvent | None:
        """Return the event that the check tracked for a step, if the page sent it."""
        return next((one for one in self.events if one.probe == step), None)

    def of_step(self, *steps: str) -> Iterator[SeenEvent]:
        """Yield what the page sent during some steps."""
        return (one for one in self.events if one.step in steps)
