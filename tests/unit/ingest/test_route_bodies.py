"""What is read of a request's body, and what is left, message by message."""

import json
from typing import Any

import pytest

from forwarder.ingest.routes import Ingest
from forwarder.ingest.service import IngestService
from tests.support.asking import BASIC, EVENT, PLAIN, Asked, ListSpool, piece, whole, zipped


@pytest.mark.parametrize(
    ("encodings", "body", "status"),
    [
        ([b"gzip"], zipped(EVENT), 200),
        ([b"gzip", b"gzip"], zipped(zipped(EVENT)), 200),
        ([b"identity", b"gzip"], zipped(EVENT), 200),
        ([b"gzip", b"identity"], zipped(EVENT), 200),
        ([b"br"], EVENT, 415),
        ([b"br", b"gzip"], zipped(EVENT), 415),
        ([], EVENT, 200),
    ],
)
async def test_encodings_may_stand_in_several_headers(
    service: IngestService, encodings: list[bytes], body: bytes, status: int
) -> None:
    headers = [(b"content-encoding", one) for one in encodings]
    asked = await Asked(whole(body)).of(Ingest(lambda: service), "/v1/t", BASIC, *headers)
    assert asked.sent[0]["status"] == status


@pytest.mark.parametrize(
    ("announced", "refused"),
    [(b"1000", False), (b"1001", True), (b"x", True), (b"-1", True), (b"", True), (b"1" + b"0" * 40, True)],
)
async def test_a_body_that_is_announced_too_large_is_not_read(
    service: IngestService, spool: ListSpool, announced: bytes, refused: bool
) -> None:
    event = EVENT + b" " * (1_000 - len(EVENT))
    asked = await Asked(whole(event)).of(
        Ingest(lambda: service), "/v1/t", BASIC, (b"content-length", announced)
    )
    assert asked.sent[0]["status"] == (400 if refused else 200)
    assert len(spool.events) == (not refused)
    assert asked.left == [], "what is refused is let pass, too"
    if refused:
        assert asked.code == "body_too_large"
        assert "1000 bytes" in json.loads(asked.sent[1]["body"])["message"]


@pytest.mark.parametrize(
    ("size", "status"), [(1_000, 200), (1_001, 400), (3_000, 400)], ids=["largest", "one more", "more"]
)
@pytest.mark.parametrize("pieces", [1, 2, 4])
async def test_a_body_is_read_up_to_its_bound(
    service: IngestService, size: int, status: int, pieces: int
) -> None:
    body = EVENT + b" " * (size - len(EVENT))
    step = -(-size // pieces)
    parts = [piece(body[at : at + step]) for at in range(0, size, step)]
    asked = Asked(*parts[:-1], {**parts[-1], "more_body": False}, whole(b"the next request"))
    await asked.of(Ingest(lambda: service), "/v1/t", BASIC)
    first, *rest = asked.sent
    assert first["status"] == status
    if status == 400:
        body = rest[0]["body"]
        assert first["headers"][:2] == [*PLAIN, (b"content-length", b"%d" % len(body))]
        more = pieces > 1 and size - len(parts[-1]) > 1_000  # known before the last: the rest is let pass
        assert ((b"connection", b"close") in first["headers"]) is more
        kind = {"type": "http.response.body"}
        in_two = [{**kind, "body": body, "more_body": True}, {**kind, "body": b""}]
        assert rest == (in_two if more else [{**kind, "body": body}])
        assert "1000 bytes" in json.loads(body)["message"]
    assert asked.left[-1] == whole(b"the next request"), "what has ended is not waited for"


async def test_of_a_refused_body_20_mb_are_let_pass(service: IngestService) -> None:
    parts = [piece(b"x" * 5_000_000) for _ in range(7)]
    asked = await Asked(*parts).of(Ingest(lambda: service), "/v1/t", BASIC)
    assert asked.sent[0]["status"] == 400
    assert len(asked.left) == 2, "one was read, four more are 20 MB"
    parts[4] = piece(b"x" * 4_999_999)
    asked = await Asked(*parts).of(Ingest(lambda: service), "/v1/t", BASIC)
    assert len(asked.left) == 1, "a byte was left"


@pytest.mark.parametrize("last", [{"type": "http.disconnect"}, {"type": "http.request"}])
async def test_letting_pass_ends_with_the_request(service: IngestService, last: dict[str, Any]) -> None:
    asked = Asked(piece(b"x" * 1_001), {"type": "http.request", "more_body": True}, last, whole(b""))
    await asked.of(Ingest(lambda: service), "/v1/t", BASIC)
    assert asked.left == [whole(b"")]


async def test_messages_may_leave_out_what_is_empty(service: IngestService, spool: ListSpool) -> None:
    empty = {"type": "http.request", "more_body": True}
    asked = await Asked(empty, piece(EVENT), {"type": "http.request"}).of(
        Ingest(lambda: service), "/v1/t", BASIC
    )
    assert asked.sent[0]["status"] == 200
    assert len(spool.events) == 1
    asked = await Asked({"type": "http.request"}).of(Ingest(lambda: service), "/v1/t", BASIC)
    assert asked.code == "not_json"
