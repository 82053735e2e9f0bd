"""Finding the source of a request, and how often it may send."""

from base64 import b64encode

import pytest

from forwarder.config.settings import Source
from forwarder.http.cors import preflight_headers
from forwarder.http.rate_limit import FailedAttempts, RateLimiter
from forwarder.http.responses import Refusal
from forwarder.ingest.keys import keys_in
from forwarder.ingest.sources import Sources, basic_user, may_send

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
    rates = RateLimiter(10)
    assert [rates.wait(("web", "a"), 0) for _ in range(21)] == [0] * 20 + [1]
    assert rates.wait(("web", "b"), 0) == 0
    assert [rates.wait(("web", "a"), 200) for _ in range(3)] == [0, 0, 1]


def test_a_clock_that_jumps_back_gives_and_takes_nothing() -> None:
    rates = RateLimiter(1)
    said = [rates.wait(("web", "a"), now) for now in (9_000, 9_000, 0, 1_000, 1_000)]
    assert said == [0, 0, 1, 0, 1]


def test_whoever_was_seen_longest_ago_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("forwarder.http.rate_limit._REMEMBERED", 2)
    rates = RateLimiter(1)
    for address in ("a", "b", "b", "c", "c"):
        rates.wait(("web", address), 0)
    assert [rates.wait(("web", address), 0) for address in ("b", "c")] == [1, 1]


def test_events_and_bytes_count_too() -> None:
    rates = RateLimiter(1_000, events=10, size=1_000)
    sender = ("web", "a")
    assert rates.wait(sender, 0) == 0
    rates.charge(sender, 130, 10, 0)
    assert [rates.wait(sender, now) for now in (0, 2_000, 3_100)] == [3, 1, 0]
    rates.charge(sender, 1, 20_000, 3_100)
    assert rates.wait(sender, 3_100) == 10
    assert rates.wait(("web", "b"), 3_100) == 0


def test_failures_slow_down_for_a_while() -> None:
    failed = FailedAttempts(per_minute=60)
    for _ in range(1_000):
        failed.count("a", 0)
    assert failed.too_many("a", 0)
    assert not failed.too_many("b", 0)
    assert not failed.too_many("a", 3_000)


@pytest.mark.parametrize(
    ("body", "keys"),
    [
        (b'{"batch":[{"writeKey":"other"}],"writeKey":"k"}', ["k"]),
        (b'{"writeKey" : "k","batch":[NaN]}', ["k"]),
        (b'{"batch":[{"writeKey":"other","a":NaN}' + b" " * 9_000 + b'],"writeKey":"k"}', ["other", "k"]),
        (b'{"batch":[NaN,' + b'{"writeKey":"a"},' * 64 + b'{"writeKey":"b"}' + b" " * 5_000 + b"]}", ["a"]),
        (b'{"batch":[NaN,' + (b'{"writeKey":"a"},' + b" " * 90) * 99 + b'],"writeKey":"k"}', ["a", "k"]),
        (b'{"batch":[]}', []),
        (b'{"writeKey":1}', []),
        (b"[" * 100_000, []),
    ],
)
def test_the_key_in_a_body_is_found_before_it_is_parsed(body: bytes, keys: list[str]) -> None:
    assert keys_in(body) == keys


@pytest.mark.parametrize(
    ("keys", "first"),
    [([], None), (["x"], "x"), (["x", "y"], "x"), (["x", "key", "y"], "key"), (["", "key"], "key")],
)
def test_of_several_keys_the_first_that_is_known_counts(keys: list[str], first: str | None) -> None:
    assert Sources([Source(name="web", write_key="key")]).known_of(iter(keys)) == first


@pytest.mark.parametrize("key", [None, "", "other", "half \ud800"])
def test_what_is_no_key_finds_no_source(key: str | None) -> None:
    assert Sources([Source(name="web", write_key="key")]).find(key) is None


def test_the_scheme_ends_at_the_first_blank() -> None:
    sources = Sources([Source(name="web", write_key="key")])
    assert sources.sender(b"Bearer   key ", None).name == "web"
    assert sources.sender(b"Basic  " + b64encode(b"key:") + b" ", None).name == "web"


def test_only_so_many_senders_are_remembered() -> None:
    sources = Sources([Source(name="web", write_key="key")])
    for number in range(300):
        sources.sender(b"Other %d" % number, "key")
    assert sources.sender.cache_info().currsize == 256


@pytest.mark.parametrize(
    ("said", "user"),
    [
        ("Basic a2V5OnNlY3JldA==", "key"),
        ("basic a2V5", "key"),
        ("Bearer a2V5", None),
        ("Basic a2V5\u20ac", None),
        ("Basic \xfc", None),
        ("", None),
    ],
)
def test_the_user_name_of_basic(said: str, user: str | None) -> None:
    assert basic_user(said) == user
