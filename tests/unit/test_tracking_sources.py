"""Finding the source of a request, and how often it may send."""

from base64 import b64encode

import pytest

from forwarder.settings import Source
from forwarder.tracking.answers import Refusal
from forwarder.tracking.cors import preflight_headers
from forwarder.tracking.rates import Rates
from forwarder.tracking.sources import Sources, may_send

WEB = Source(name="web", write_key="web-key", allowed_origins=("https://shop.example",))
SERVER = Source(name="server", write_key="server-key")
SOURCES = Sources([WEB, SERVER])


def basic(text: str) -> bytes:
    return b"Basic " + b64encode(text.encode())


@pytest.mark.parametrize(
    ("authorization", "body_key"),
    [
        (basic("web-key:"), None),
        (basic("web-key"), None),
        (b"basic " + b64encode(b"web-key:ignored"), "server-key"),
        (b"", "web-key"),
        (b"Bearer an-oauth-token", "web-key"),
        (b"Bearer web-key", None),
        (b"Basic !!!", "web-key"),
        (b"Digest whatever", "web-key"),
    ],
)
def test_the_key_is_found_where_clients_put_it(authorization: bytes, body_key: str | None) -> None:
    assert SOURCES.sender(authorization, body_key) is WEB


@pytest.mark.parametrize(
    ("authorization", "body_key", "code"),
    [
        (b"", None, "no_write_key"),
        (b"Basic \xff", None, "no_write_key"),
        (b"", "other", "unknown_write_key"),
        (basic("other:"), "web-key", "unknown_write_key"),
        (b"Bearer \xff\xfe", None, "unknown_write_key"),
    ],
)
def test_other_keys_are_refused(authorization: bytes, body_key: str | None, code: str) -> None:
    with pytest.raises(Refusal) as caught:
        SOURCES.sender(authorization, body_key)
    assert (caught.value.status, caught.value.code) == (401, code)


def test_origins_belong_to_sources() -> None:
    assert may_send(WEB, "https://shop.example")
    assert not may_send(WEB, "https://other.example")
    assert may_send(SERVER, "https://other.example")
    assert not Sources([WEB]).allows("https://other.example")


def test_a_preflight_allows_what_analytics_js_sends() -> None:
    headers = dict(preflight_headers(b"https://shop.example", b"x-own, bad name", b"POST, OPTIONS"))
    assert headers[b"access-control-allow-origin"] == b"https://shop.example"
    assert headers[b"access-control-allow-headers"] == b"authorization, content-type, x-retry-count, x-own"
    assert headers[b"access-control-expose-headers"] == b"Retry-After, X-RateLimit-Reset"
    assert headers[b"access-control-allow-credentials"] == b"true"


def test_an_address_that_sends_too_often_waits() -> None:
    rates = Rates(10)
    assert [rates.wait(("web", "a"), 0) for _ in range(21)] == [0] * 20 + [1]
    assert rates.wait(("web", "b"), 0) == 0
    assert [rates.wait(("web", "a"), 200) for _ in range(3)] == [0, 0, 1]


def test_a_clock_that_jumps_back_gives_nothing() -> None:
    rates = Rates(1)
    assert [rates.wait(("web", "a"), now) for now in (9_000, 9_000, 0)] == [0, 0, 1]
