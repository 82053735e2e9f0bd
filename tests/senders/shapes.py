"""How a library writes a request: paths, envelope, key, texts of times. Nothing here knows the forwarder."""

import base64
import gzip
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

KEY = "senders-key"
NOW = 1_795_672_800_000
"""The forwarder's clock, ms: 2026-11-26T06:00:00Z."""
ADDRESS = "203.0.113.9"
BROWSER = (
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36"
)
ORIGIN = "https://shop.example.com"
Json = dict[str, Any]


def moment(ms: int, zone: timezone = UTC) -> datetime:
    """Return the time of ms since the epoch."""
    return datetime(1970, 1, 1, tzinfo=UTC).astimezone(zone) + timedelta(milliseconds=ms)


def iso_z(ms: int) -> str:
    """JavaScript, Kotlin, Swift, Ruby, Java: milliseconds and Z."""
    return moment(ms).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def iso_python(ms: int) -> str:
    """Python's isoformat: microseconds and an offset."""
    return (moment(ms) + timedelta(microseconds=123)).isoformat()


def iso_go(ms: int) -> str:
    """Go's RFC 3339: nanoseconds, in the server's own zone."""
    local = moment(ms, timezone(timedelta(hours=1)))
    return local.isoformat(timespec="microseconds").replace("+01:00", "789+01:00")


def iso_ruby(ms: int) -> str:
    """Ruby's iso8601(3) in the server's own zone."""
    return moment(ms, timezone(timedelta(hours=-7))).isoformat(timespec="milliseconds")


def iso_php(ms: int) -> str:
    """PHP's date('c') with milliseconds."""
    return moment(ms).isoformat(timespec="milliseconds")


def iso_net(ms: int) -> str:
    """.NET's round-trip form: seven digits."""
    return moment(ms).isoformat(timespec="milliseconds").replace("+00:00", "4567Z")


@dataclass(frozen=True)
class Library:
    """One library: how it writes a request."""

    name: str
    context: Json
    batch: str = ""
    """The path of its batches; empty: it posts single events."""
    single: str = ""
    """The path of a single event, with the type or its first letter put in."""
    key: str = "basic"
    """Where the write key is: ``basic``, ``body``, ``bearer``, ``query``, ``x-write-key``."""
    time: Callable[[int], str] = iso_z
    time_field: str = "timestamp"
    beside: Json = field(default_factory=dict)
    """What stands beside a batch's events; context there is for all of them."""
    extra: Json = field(default_factory=dict)
    """What each event holds besides."""
    headers: dict[str, str] = field(default_factory=dict)
    compressed: bool = False
    session: str = ""
    """How it says the session: ``ours``, ``rudder`` (ms), ``rudder seconds``, or not."""
    ids: str = "id"
    """What its message ids begin with."""
    client: bool = False
    """Whether the sender's address is the user's, by Segment's rule: a page, or an app by its library."""
    screen: str = "page"
    """Its call for what a visitor looks at."""

    def platform(self) -> str | None:
        """Return what Amplitude's platform becomes of the context, by the destination's documented rule."""
        kind = self.context.get("device", {}).get("type")
        known = {"ios": "iOS", "android": "Android"}
        return known[kind] if kind else "Web" if self.context["library"]["name"] == "analytics.js" else None


@dataclass
class Request:
    """One request as bytes; ``path`` with its query."""

    path: str
    headers: dict[str, str]
    body: bytes
    method: str = "POST"

    def written(self) -> Json:
        """Return it for a JSON file: the body as text where it is one."""
        try:
            body: Json = {"body": self.body.decode()}
        except UnicodeDecodeError:
            body = {"body_base64": base64.b64encode(self.body).decode()}
        return {"method": self.method, "path": self.path, "headers": self.headers, **body}


def request(sender: Library, events: list[Json], sent: int | None, **changed: Any) -> Request:
    """Return what the library posts for events. ``sent``: ms by its own clock; ``changed``: headers."""
    letter, kind = str(events[0].get("type", "t"))[:1], str(events[0].get("type", "track"))
    sent_at = {} if sent is None else {"sentAt": sender.time(sent)}
    own_key = {"writeKey": KEY} if sender.key == "body" else {}
    if sender.batch:
        path, whole = sender.batch, {"batch": events, **sender.beside, **sent_at, **own_key}
    else:
        path = sender.single.format(letter=letter, type=kind)
        whole = {**events[0], **own_key, **sent_at}
    headers = {**sender.headers, **changed}
    if sender.key == "basic":
        headers["authorization"] = f"Basic {base64.b64encode(f'{KEY}:'.encode()).decode()}"
    elif sender.key == "query":
        path += f"?writeKey={KEY}"
    elif sender.key == "x-write-key":
        headers["x-write-key"] = f"{KEY}:a-secret-of-jitsu"
    elif sender.key == "bearer":
        headers["authorization"] = f"Bearer {KEY}"
    body = json.dumps(whole, ensure_ascii=False, separators=(",", ":")).encode()
    if sender.compressed:
        body, headers["content-encoding"] = gzip.compress(body, mtime=0), "gzip"
    return Request(path, headers, body)
