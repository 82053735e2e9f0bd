"""Whatever bytes arrive: an answer that is 2xx or 4xx, and JSON that every later part can read."""

import gzip
import json
from base64 import b64encode
from collections.abc import Sequence

import orjson
from hypothesis import assume, given
from hypothesis import strategies as st

from forwarder.config.settings import Limits, Source
from forwarder.http.metrics import count_events
from forwarder.http.responses import Refusal
from forwarder.ingest.body import exceeds_depth
from forwarder.ingest.event import OBJECTS, read_event, read_leniently
from forwarder.ingest.fields import read_fields
from forwarder.ingest.request import IngestRequest
from forwarder.ingest.routes import KINDS
from forwarder.ingest.service import IngestService
from forwarder.spool import NewEvent

LIMITS = Limits(event_bytes=2_000, batch_bytes=10_000, nesting=10)

scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=10,
)
NAMES = (
    *("type", "event", "userId", "anonymousId", "groupId", "previousId", "messageId", "timestamp", "sentAt"),
    *("context", "integrations", "properties", "traits", "writeKey", "originalTimestamp"),
)
likely = st.sampled_from(["track", "identify", "x", "", "2024-01-01T00:00:00Z", "0001-01-01", "web-key"])
events = st.dictionaries(st.sampled_from(NAMES) | st.text(max_size=5), likely | values, max_size=8)
batches = st.fixed_dictionaries(
    {"batch": st.lists(events | values, max_size=5)},
    optional=dict.fromkeys(("context", "integrations", "sentAt", "writeKey"), likely | values),
)
jsons = (events | batches | values).map(lambda value: json.dumps(value).encode("utf-8", "surrogatepass"))
bodies = jsons | st.binary(max_size=300) | jsons.map(lambda body: body[: len(body) // 2])
encoded = st.tuples(bodies, st.sampled_from([b"", b"gzip", b"br", b"GZIP"])).map(
    lambda pair: (gzip.compress(pair[0]) if pair[1] == b"gzip" else pair[0], pair[1])
)


class ReadingSpool:
    """Reads what it is given as strictly as the delivery does."""

    async def append(self, events: Sequence[NewEvent], now: int) -> list[bool]:
        for event in events:
            read = orjson.loads(event.body)
            assert read["messageId"] == event.message_id
            assert {"type", "timestamp", "receivedAt", "originalTimestamp"} <= read.keys()
        return [True] * len(events)


def service(strict: bool) -> IngestService:
    source = Source(name="web", write_key="web-key", strict=strict)
    return IngestService([source], LIMITS, ReadingSpool(), lambda: 1_704_067_200_000, count_events)


async def status(taking: IngestService, request: IngestRequest) -> int:
    try:
        return (await taking.take(request)).status
    except Refusal as refusal:
        return refusal.status


@given(encoded, st.sampled_from(sorted(KINDS)), st.booleans())
async def test_every_body_gets_an_answer(sent: tuple[bytes, bytes], kind: str, strict: bool) -> None:
    key = b"Basic " + b64encode(b"web-key:")
    request = IngestRequest(sent[0], KINDS[kind], sent[1], authorization=key, address="203.0.113.9")
    assert await status(service(strict), request) in (200, 400, 401, 415)


@given(events)
async def test_events_by_segments_rules_are_taken(more: dict[str, object]) -> None:
    objects: dict[str, object] = {"context": {}, "integrations": {}, "properties": {}, "traits": {}}
    event = {**more, **objects, "event": "Seen", "userId": "u", "writeKey": "web-key"}
    body = json.dumps(event).encode()
    expected = 400 if len(body) > 2_000 else 200
    assert await status(service(strict=False), IngestRequest(body, "track")) == expected
    timed = {**event, **dict.fromkeys(("timestamp", "originalTimestamp", "sentAt"), "2024-01-01T00:00:00Z")}
    assume(len(json.dumps(timed)) <= 2_000)
    assert await status(service(strict=True), IngestRequest(json.dumps(timed).encode(), "track")) == 200


@given(events, st.dictionaries(st.sampled_from(["library", "ip", "x"]), likely | values))
def test_an_event_reads_the_same_value_by_value(event: dict[str, object], context: dict[str, object]) -> None:
    body = json.dumps({**event, "context": context}).encode()
    usual, unusual = read_event(body), read_leniently(read_fields(body) or {})
    assume(usual)  # NaN and halves of characters are mended before
    assert usual
    assert usual.odd == unusual.odd
    for name in set(usual.typed.__struct_fields__) - set(OBJECTS) | {"context"}:
        assert repr(getattr(usual.typed, name)) == repr(getattr(unusual.typed, name))


def depth_of(value: object) -> int:
    if isinstance(value, dict):
        return 1 + max(map(depth_of, value.values()), default=0)
    if isinstance(value, list):
        return 1 + max(map(depth_of, value), default=0)
    return 0


bracketed = st.text(alphabet='[]{}"\\a', max_size=20)
nested = st.recursive(
    bracketed,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(bracketed, inner, max_size=3),
    max_leaves=20,
)


@given(nested, st.integers(1, 6))
def test_nesting_is_measured_outside_of_texts(value: object, nesting: int) -> None:
    assert exceeds_depth(json.dumps(value).encode(), nesting) == (depth_of(value) > nesting)
