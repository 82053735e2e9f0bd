"""What the field sends now and then around events: odd bodies, encodings, keys, addresses."""

import base64
import gzip
import json
import zlib
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from tests.senders.calls import HAPPENED, Payload, Writer
from tests.senders.expected import (
    ABSENT,
    delivered,
    ended,
    logged,
)
from tests.senders.odd_events import BATCHES, HTTP, NET, NODE, PHP, PYTHON, hash_of, one
from tests.senders.shapes import KEY, NOW, Library, Request, request


def odd_requests() -> Iterator[Payload]:
    """Yield all of them."""
    for group in (_bodies, _broken, _encodings, _keys, _addresses):
        yield from group()


def _bodies() -> Iterator[Payload]:
    """What is nearly JSON is mended; one bad event costs itself (D21)."""
    yield one(PHP, "properties []", properties=[])
    yield one(PHP, "traits and integrations []", traits=[], integrations=[])
    yield one(NET, "properties and traits null", properties=None, traits=None)
    for oddity, text in (
        ("NaN", b'{"n":NaN,"i":-Infinity}'),
        ("half a character", b'{"t":"\\ud83d"}'),
        ("a number beyond doubles", b'{"n":1e999}'),
        ("a raw line end in a text", b'{"t":"a\nb"}'),
    ):
        yield _replaced(PYTHON, oddity, b'{"x":1}', text)
    yield _replaced(BATCHES, "a byte of Latin-1", b'{"x":1}', b'{"x":"caf\xe9"}')
    for oddity, encode in (
        ("a byte order mark", lambda text: b"\xef\xbb\xbf" + text),
        ("UTF-16", lambda text: text.decode().encode("utf-16")),
        ("blanks around it", lambda text: b" \r\n" + text + b"\n "),
    ):
        yield _changed(HTTP, oddity, encode)
    for oddity, bad, reason in (
        ("a number for an event", b"5", "not_an_object"),
        ("null for an event", b"null", "not_an_object"),
        ("an event that is no JSON", b'{"type":"track",oops}', "not_json"),
        ("an event with an open quote", b'{"type":"track","event":"Bad,"userId":"user-1"}', "not_json"),
        (
            "an event with an open object",
            b'{"type":"track","properties":{"a":1,"userId":"user-1"}',
            "not_json",
        ),
        (
            "an event 70 levels deep",
            b'{"type":"track","event":"E","userId":"user-1","properties":' + b'{"a":' * 70 + b"1" + b"}" * 71,
            "too_deep",
        ),
    ):
        write = Writer(NODE, mark=f"{hash_of(oddity):08x}-")
        first, last = write.event("track", event="First"), write.event("track", event="Last")
        sent = write.post(first, {"bad": "here"}, last)
        sent.body = sent.body.replace(b'{"bad":"here"}', bad)
        ends = [
            delivered(logged(NODE, each, name, time=HAPPENED))
            for each, name in ((first, "First"), (last, "Last"))
        ]
        yield Payload(NODE, "batch", oddity, sent, [ends[0], ended("rejected", reason), ends[1]])
    empty = request(NODE, [Writer(NODE).event("track")], NOW)
    empty.body = b'{"batch":[],"sentAt":"2026-11-26T06:00:00Z"}'
    yield Payload(NODE, "batch", "without events", empty, [])


def _replaced(sender: Library, oddity: str, old: bytes, new: bytes) -> Payload:
    payload = one(sender, oddity, properties={"x": 1})
    assert old in payload.sent.body
    payload.sent.body = payload.sent.body.replace(old, new)
    return payload


def _changed(sender: Library, oddity: str, change: Any, **headers: str) -> Payload:
    payload = one(sender, oddity)
    payload.sent.body = change(payload.sent.body)
    payload.sent.headers |= {name.replace("_", "-"): value for name, value in headers.items()}
    return payload


def _broken() -> Iterator[Payload]:
    """What cannot be read at all is refused as a whole, with a code."""
    for sender, oddity, body, code in (
        (HTTP, "an empty body", b"", "not_json"),
        (HTTP, "a list", b"[]", "not_json"),
        (HTTP, "a form", b"event=E&userId=user-1", "not_json"),
        (NODE, "no batch", b'{"events":[]}', "no_batch"),
        (NODE, "a batch that is an object", b'{"batch":{}}', "no_batch"),
        (NODE, "a batch cut off", b'{"batch":[{"type":"track"', "not_json"),
        (HTTP, "one event larger than 32 kB", json.dumps({"event": "y" * 33_000}).encode(), "body_too_large"),
    ):
        sent = request(sender, [Writer(sender).event("track")], NOW)
        sent.body = body
        yield Payload(sender, "track", oddity, sent, [], status=400, code=code)


def _encodings() -> Iterator[Payload]:
    """gzip in any number of members, deflate with and without its head, several one after the other (D32)."""
    raw = zlib.compressobj(wbits=-15)
    deflated: Any = lambda text: raw.compress(text) + raw.flush()  # noqa: E731
    zipped: Any = lambda text: gzip.compress(text, mtime=0)  # noqa: E731
    cases: tuple[tuple[str, str, Any], ...] = (
        ("gzip", "gzip", zipped),
        ("x-gzip", "x-gzip", zipped),
        ("gzip of two members", "gzip", lambda text: zipped(text[:20]) + zipped(text[20:])),
        ("deflate", "deflate", zlib.compress),
        ("deflate without its head", "deflate", deflated),
        ("gzip, identity", "gzip, identity", zipped),
        ("gzip of deflate", "deflate, gzip", lambda text: zipped(zlib.compress(text))),
        ("utf-8 for an encoding", "utf-8", bytes),
    )
    for oddity, name, encode in cases:
        yield _changed(HTTP, f"encoded: {oddity}", encode, content_encoding=name)
    for oddity, name, status, code in (
        ("brotli", "br", 415, "unknown_encoding"),
        ("gzip that is none", "gzip", 400, "bad_gzip"),
    ):
        payload = _changed(HTTP, f"encoded: {oddity}", bytes, content_encoding=name)
        yield Payload(HTTP, "track", payload.oddity, payload.sent, [], status=status, code=code)


def _keys() -> Iterator[Payload]:
    """The write key in every place that a library puts it; a wrong one is told, a missing one too."""
    for key in ("basic", "body", "bearer", "query", "x-write-key"):
        yield one(replace(HTTP, key=key), f"write key: {key}")
    basic = base64.b64encode(b"another-key:").decode()
    for oddity, headers, code in (
        ("a key that nobody knows", {"authorization": f"Basic {basic}"}, "unknown_write_key"),
        ("no key", {}, "no_write_key"),
    ):
        sent = one(replace(HTTP, key=""), oddity).sent
        sent.headers |= headers
        yield Payload(HTTP, "track", oddity, sent, [], status=401, code=code)
    payload = one(replace(HTTP, key="body"), "write key in the body beside an OAuth token")
    payload.sent.headers["authorization"] = "Bearer eyJhbGciOiJSUzI1NiJ9.e30.c2ln"
    yield payload


def _addresses() -> Iterator[Payload]:
    """The addresses at which libraries, proxies and mails send (D33)."""
    for path in ("/t", "/v1/t", "/v1/t/", "/v1/track", "/d/t", "/track/", "/api/s/track", "/api/s/s2s/track"):
        yield one(replace(HTTP, single=path), f"at {path}", type=ABSENT)
    for path in ("/b", "/batch", "/import", "/v1/import/", "/d/b", "/beacon/v1/b", "/api/s/s2s/batch"):
        yield one(replace(HTTP, batch=path), f"at {path}")
    event = Writer(HTTP, mark="pixel-").event("track", event="Odd", writeKey=KEY)
    for ending in ("", "="):
        event["messageId"] = f"pixel-{ending}"
        data = base64.urlsafe_b64encode(json.dumps(event).encode()).decode().rstrip("=") + ending
        sent = Request(f"/v1/pixel/track?data={data}", {}, b"", "GET")
        outcome = delivered(logged(HTTP, event, "Odd", time=HAPPENED))
        yield Payload(HTTP, "pixel", f"base64 that ends in {ending!r}", sent, [outcome])
