"""What goes in one request: within Amplitude's bounds, and as its documentation has it."""

import json
from itertools import pairwise
from urllib.parse import parse_qs

import orjson
import pytest

from forwarder.amplitude.wire.endpoints import Endpoint
from forwarder.amplitude.wire.items import Item
from forwarder.amplitude.wire.limits import BOUNDS
from forwarder.amplitude.wire.requests import Body, Keys, encode
from forwarder.delivery.scheduler.batch import Batch


def part(endpoint: Endpoint, body: dict[str, object], min_id_length: int | None = None) -> Item:
    return Item(endpoint, {}, min_id_length, data=orjson.dumps(body))


def encoded(batch: Batch, *keys: str) -> Body:
    return encode(batch.endpoint, batch.items, batch.min_id_length, Keys(*keys))


@pytest.mark.parametrize("endpoint", [Endpoint.HTTPAPI, Endpoint.IDENTIFY, Endpoint.USERMAP])
@pytest.mark.parametrize("size", [2_000, 60_000, 150_000])
def test_requests_stay_within_bounds(endpoint: Endpoint, size: int) -> None:
    """Also where the last item alone decides: a form's items grow to three times their size."""
    batch = Batch(part(endpoint, {}), 0, 2000)
    large = Item(endpoint, {}, data=b"[" + b"{" * size + b"]")
    while batch.fits(large):
        batch.add(large)
    written = len(encoded(batch, "key", "secret").content)
    assert BOUNDS[endpoint].bytes // 4 < written <= BOUNDS[endpoint].bytes


def test_a_single_item_beyond_the_bounds_is_sent_for_amplitude_to_judge() -> None:
    batch = Batch(part(Endpoint.HTTPAPI, {}), 0, 2000)
    assert batch.fits(part(Endpoint.HTTPAPI, {"x": "y" * 2_000_000}))


def test_the_requests_read_as_amplitude_documents_them() -> None:
    body: dict[str, object] = {"user_id": "ü & 1", "user_properties": {"$set": {"a": "b c+"}}}
    batch = Batch(part(Endpoint.HTTPAPI, body, 3), 0, 2000)
    batch.add(part(Endpoint.HTTPAPI, body, 3))
    content = json.loads(encoded(batch, "key", "").content)
    assert content == {"api_key": "key", "events": [body], "options": {"min_id_length": 3}}
    for endpoint, field in (
        (Endpoint.IDENTIFY, "identification"),
        (Endpoint.GROUPIDENTIFY, "identification"),
        (Endpoint.USERMAP, "mapping"),
    ):
        batch = Batch(part(endpoint, body), 0, 2000)
        batch.add(part(endpoint, body))
        batch.add(part(endpoint, body))
        form = parse_qs(encoded(batch, "k&y", "").content.decode(), strict_parsing=True)
        assert form == {"api_key": ["k&y"], field: [orjson.dumps([body, body]).decode()]}


def test_deletions_are_authorised_by_both_keys() -> None:
    batch = Batch(part(Endpoint.DELETIONS, {"user_ids": ["u"]}), 0, 2000)
    batch.add(part(Endpoint.DELETIONS, {"user_ids": ["u"]}))
    assert batch.full
    body = encoded(batch, "key", "secret")
    assert body.content == b'{"user_ids":["u"]}'
    assert body.headers["authorization"] == "Basic a2V5OnNlY3JldA=="


def test_halving_goes_down_to_one() -> None:
    for most in (10, 2000):
        sizes, level = [], 0
        while True:
            batch = Batch(part(Endpoint.HTTPAPI, {}), level, most)
            while not batch.full:
                batch.add(part(Endpoint.HTTPAPI, {}))
            sizes.append(len(batch.items))
            if sizes[-1] == 1:
                break
            level = batch.next_split_level()
        assert all(after <= before // 2 for before, after in pairwise(sizes))
        assert len(sizes) <= 12
    assert sizes[:3] == [2000, 1000, 500]
