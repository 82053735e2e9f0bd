"""What the field sends now and then in events: odd times, consent, ids, and what is no event."""

import zlib
from collections.abc import Iterator
from typing import Any

from tests.senders.calls import HAPPENED, SESSION, Payload, Writer
from tests.senders.expected import (
    ABSENT,
    ANY,
    DIGEST,
    EXCLUDED,
    delivered,
    ended,
    identified,
    logged,
    viewed,
)
from tests.senders.libraries import LIBRARIES
from tests.senders.shapes import NOW, Json, Library, iso_z, request

BY_NAME = {one.name: one for one in LIBRARIES}
WEB, BATCHES, NODE, PYTHON, JAVA, GO, RUBY, PHP, NET, KOTLIN = (
    BY_NAME[f"Segment {name}"]
    for name in ("web", "web, batching", "Node", "Python", "Java", "Go", "Ruby", "PHP", ".NET", "Kotlin")
)
NATIVE, RUDDER, RUDDER_ANDROID, JITSU = (
    BY_NAME[name] for name in ("Segment React Native", "RudderStack web", "RudderStack Android", "Jitsu web")
)
HTTP = Library(
    "HTTP API", {"library": {"name": "own-code", "version": "1"}}, single="/v1/{type}", ids="http-"
)


def odd_events() -> Iterator[Payload]:
    """Yield all of them."""
    for group in (_times, _sessions_and_consent, _ids, _rejected):
        yield from group()


def one(
    sender: Library, oddity: str, *, time: int = HAPPENED, sent: int | None = NOW, **fields: Any
) -> Payload:
    """Return a track event with odd fields that arrives as it should; ``sent``: ms, None for no sentAt."""
    write = Writer(sender, mark="odd-")
    fields = {"event": "Odd", "messageId": f"{sender.ids}{abs(hash_of(oddity)):08x}", **fields}
    event = write.event("track", **fields)
    sent_request = request(sender, [event], sent)
    return Payload(
        sender, "track", oddity, sent_request, [delivered(logged(sender, event, "Odd", time=time))]
    )


def hash_of(text: str) -> int:
    """Return the same number for the same text in every process."""
    return zlib.crc32(text.encode())


def _times() -> Iterator[Payload]:
    """A readable time is that time; for what is none, or cannot be meant, the arrival time stands."""
    yield one(NODE, "no sentAt: its own time stands", sent=None)
    yield one(NODE, "no timestamp: the arrival", timestamp=ABSENT, time=NOW)
    yield one(NODE, "timestamp null", timestamp=None, time=NOW)
    text = {name: str(value) for name, value in (("ms", HAPPENED), ("s", HAPPENED // 1000))}
    yield one(PHP, "timestamp in seconds", timestamp=HAPPENED // 1000)
    yield one(PHP, "timestamp in seconds with a fraction", timestamp=HAPPENED / 1000)
    yield one(PHP, "timestamp in seconds as text", timestamp=text["s"])
    yield one(WEB, "timestamp in ms", timestamp=HAPPENED)
    yield one(WEB, "timestamp in ms as text: no year 1795", timestamp=text["ms"])
    yield one(GO, "timestamp in ns", timestamp=HAPPENED * 1_000_000)
    yield one(GO, "timestamp of Go's String()", timestamp="2026-11-25 21:59:58 -0800 PST m=+0.004", sent=None)
    yield one(GO, "timestamp of Go's zero value", timestamp="0001-01-01T00:00:00Z", time=NOW)
    yield one(RUBY, "timestamp of Ruby's to_s", timestamp="2026-11-26 06:59:58 +0100", sent=None)
    yield one(RUBY, "timestamp of Ruby's UTC to_s", timestamp="2026-11-26 05:59:58 UTC", sent=None)
    yield one(
        JAVA,
        "timestamp of Java's ZonedDateTime",
        timestamp="2026-11-26T06:59:58+01:00[Europe/Berlin]",
        sent=None,
    )
    yield one(JAVA, "timestamp of Java's Date", timestamp="Thu Nov 26 05:59:58 UTC 2026", sent=None)
    yield one(NET, "timestamp of .NET's zero value", timestamp="0001-01-01T00:00:00", time=NOW)
    yield one(PYTHON, "timestamp of a naive datetime", timestamp="2026-11-26T05:59:58.000000", sent=None)
    yield one(PYTHON, "timestamp of Python's str()", timestamp="2026-11-26 05:59:58.000000+00:00", sent=None)
    yield one(
        WEB,
        "timestamp of JavaScript's toString()",
        timestamp="Thu Nov 26 2026 06:59:58 GMT+0100 (Central European Standard Time)",
        sent=None,
    )
    yield one(HTTP, "timestamp of RFC 2822", timestamp="Thu, 26 Nov 2026 05:59:58 GMT", sent=None)
    yield one(HTTP, "timestamp without ISO's zeros", timestamp="2026-11-26T5:59:58Z", sent=None)
    yield one(HTTP, "timestamp in small letters", timestamp="2026-11-26t05:59:58z", sent=None)
    yield one(HTTP, "timestamp of a day alone", timestamp="2026-11-25", time=NOW - 30 * 3_600_000, sent=None)
    yield one(HTTP, "timestamp that could mean two days", timestamp="01/02/2026", time=NOW)
    yield one(HTTP, "timestamp that is a word", timestamp="yesterday", time=NOW)
    yield one(HTTP, "timestamp that is an object", timestamp={"seconds": 1}, time=NOW)
    yield one(HTTP, "timestamp two years ahead", timestamp="2028-11-26T06:00:00Z", sent=None, time=NOW)
    yield one(HTTP, "timestamp of 1970", timestamp="1970-01-01T00:00:00.000Z", time=NOW)
    yield one(
        HTTP,
        "import of last year's event",
        timestamp="2025-11-26T06:00:00Z",
        sent=None,
        time=NOW - 365 * 86_400_000,
    )
    yield one(WEB, "clock an hour slow", timestamp=iso_z(HAPPENED - 3_600_000), sent=NOW - 3_600_000)
    yield one(
        WEB,
        "kept for two days by a page that was offline",
        timestamp=iso_z(NOW - 2 * 86_400_000),
        time=NOW - 2 * 86_400_000,
    )
    for sent_at in ("0001-01-01T00:00:00Z", "1970-01-01T00:00:00Z", "", None, "soon"):
        write = Writer(HTTP, mark="sent-")
        event = write.event("track", event="Odd", messageId=f"http-sent-{sent_at}", sentAt=sent_at)
        outcome = delivered(logged(HTTP, event, "Odd", time=HAPPENED))
        yield Payload(
            HTTP, "track", f"sentAt {sent_at!r} corrects nothing", request(HTTP, [event], None), [outcome]
        )


def _sessions_and_consent() -> Iterator[Payload]:
    """Both names mean the same, false beats everything (decision 11); a session is what its sender says."""
    name, other, stamp = "Actions Amplitude", "Amplitude (Actions)", {"session_id": SESSION}

    def said(
        sender: Library, oddity: str, integrations: Any, session: object = ABSENT, **fields: Any
    ) -> Payload:
        write = Writer(sender, mark=f"{hash_of(oddity):08x}-")
        event = write.event("track", event="Consent", integrations=integrations, **fields)
        item = logged(sender, event, "Consent", time=HAPPENED, session_id=session)
        outcome = ended("filtered", EXCLUDED) if session is None else delivered(item)
        return Payload(sender, "track", oddity, write.post(event), [outcome])

    yield said(WEB, "false under the code's name", {name: False}, None)
    yield said(
        WEB, "false under the display name, a stamp under the other", {other: False, name: stamp}, None
    )
    yield said(WEB, "a stamp under the display name", {other: stamp}, SESSION)
    yield said(WEB, "All false, the display name true", {"All": False, other: True})
    yield said(WEB, "All false, a stamp", {"All": False, name: stamp}, SESSION)
    yield said(WEB, "All false, Segment.io alone", {"All": False, "Segment.io": True}, None)
    yield said(WEB, "integrations null", None)
    yield said(NATIVE, "out of session: -1", {name: {"session_id": -1}}, -1)
    yield said(KOTLIN, "session id as text", {name: {"session_id": str(SESSION)}}, SESSION)
    yield said(KOTLIN, "other options beside the session", {name: {**stamp, "groups": {"a": "b"}}}, SESSION)
    yield said(KOTLIN, "session id null", {name: {"session_id": None}})
    yield said(
        RUDDER,
        "own session beside RudderStack's: the stamp counts",
        {"All": True, name: stamp},
        SESSION,
        context={**RUDDER.context, "sessionId": 1},
    )
    yield said(
        RUDDER,
        "RudderStack's session, and consent refused",
        {"All": True, name: False},
        None,
        context={**RUDDER.context, "sessionId": SESSION},
    )
    write = Writer(RUDDER_ANDROID)
    event = write.event(
        "screen", event="Home", properties={"name": "Home", "automatic": True}, messageId="ra-auto"
    )
    item = logged(RUDDER_ANDROID, event, viewed("Home"), time=HAPPENED)
    yield Payload(RUDDER_ANDROID, "screen", "its name in event", write.post(event), [delivered(item)])
    event = write.event("identify", messageId="ra-traits")
    event["context"]["traits"] = {"plan": "pro"}
    item = identified(RUDDER_ANDROID, event, user_properties={"plan": "pro"})
    yield Payload(RUDDER_ANDROID, "identify", "traits in the context", write.post(event), [delivered(item)])
    write = Writer(NATIVE, mark="start-")
    integrations = {"Mixpanel": False, name: stamp}
    event = write.event("track", event="session_start", integrations=integrations)
    item = logged(NATIVE, event, "session_start", time=HAPPENED, session_id=SESSION)
    yield Payload(NATIVE, "track", "its own session_start", write.post(event), [delivered(item)])


def _ids() -> Iterator[Payload]:
    """A number is an id, an empty text none; a message id that is missing is made, a long one shortened."""
    yield one(PYTHON, "userId is a number", userId=4_200_001)
    yield one(RUDDER, "userId empty", userId="")
    yield one(NODE, "no anonymousId", anonymousId=ABSENT)
    yield one(NET, "anonymousId null", anonymousId=None)
    yield one(WEB, "userId of another script", userId="пользователь-🙂")
    for oddity, message_id, insert_id in (
        ("no messageId", ABSENT, ANY),
        ("messageId empty", "", ANY),
        ("messageId of 200 characters", "m" * 200, DIGEST),
    ):
        write = Writer(HTTP)
        event = write.event("track", event="Odd", messageId=message_id)
        item = logged(HTTP, event, "Odd", time=HAPPENED, insert_id=insert_id)
        yield Payload(HTTP, "track", oddity, write.post(event), [delivered(item)])
    write = Writer(WEB, mark="nameless-")
    event = write.event("page", properties={"path": "/cups"})
    item = logged(WEB, event, viewed(""), time=HAPPENED)
    yield Payload(WEB, "page", "without a name", write.post(event), [delivered(item)])
    write = Writer(NODE, mark="twice-")
    event = write.event("track", event="Twice")
    outcomes = [delivered(logged(NODE, event, "Twice", time=HAPPENED)), ended("duplicate")]
    yield Payload(NODE, "track", "the same message twice", write.post(event, dict(event)), outcomes)


def _rejected() -> Iterator[Payload]:
    """Segment's rules of what an event must have; the others of the batch are taken."""
    cases: tuple[tuple[str, Json, str], ...] = (
        ("no event name", {"type": "track"}, "no_event_name"),
        ("event name empty", {"type": "track", "event": ""}, "no_event_name"),
        ("event name a number", {"type": "track", "event": 5}, "no_event_name"),
        (
            "no ids",
            {"type": "track", "event": "E", "userId": ABSENT, "anonymousId": ABSENT},
            "no_user_anon_id",
        ),
        ("both ids empty", {"type": "identify", "userId": "", "anonymousId": ""}, "no_user_anon_id"),
        ("ids that are objects", {"type": "page", "userId": {}, "anonymousId": ["x"]}, "no_user_anon_id"),
        ("group without groupId", {"type": "group"}, "no_group_id"),
        ("alias without previousId", {"type": "alias"}, "no_previous_id"),
        ("no type", {"type": ABSENT, "event": "E"}, "unknown_type"),
        ("type in capitals", {"type": "Track", "event": "E"}, "unknown_type"),
        ("properties a list", {"type": "track", "event": "E", "properties": [1]}, "invalid_properties"),
        ("traits a text", {"type": "identify", "traits": "x"}, "invalid_traits"),
        ("context a text", {"type": "track", "event": "E", "context": "x"}, "invalid_context"),
        (
            "integrations a list",
            {"type": "track", "event": "E", "integrations": ["x"]},
            "invalid_integrations",
        ),
        (
            "larger than 32 kB",
            {"type": "track", "event": "E", "properties": {"x": "y" * 33_000}},
            "event_too_large",
        ),
    )
    for oddity, fields, reason in cases:
        write = Writer(NODE, mark=f"{hash_of(oddity):08x}-")
        good, bad = write.event("track", event="Good"), write.event("x", **fields)
        outcomes = [delivered(logged(NODE, good, "Good", time=HAPPENED)), ended("rejected", reason)]
        yield Payload(NODE, "batch", oddity, write.post(good, bad), outcomes)
