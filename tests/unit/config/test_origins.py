"""Which origins may send, and which patterns can never match one."""

import pytest

from forwarder.config.settings import Source
from forwarder.ingest.sources import Sources, may_send
from forwarder.origins import Origins, origin_mistake

APPS = (
    *(
        "capacitor://localhost",
        "ionic://localhost",
        "app://localhost",
        *("tauri://localhost", "app://.", "app://-"),
        "file://",
        "null",
    ),
    *(
        "chrome-extension://abcdefghijklmnopabcdefghijklmnop",
        "moz-extension://6ac7d6bc-35a4-4a4c-9c49-4b46f1a0b3f5",
    ),
)


@pytest.mark.parametrize(
    "origin", [*APPS, "https://shop.example.com", "http://localhost:3000", "http://[::1]:8080"]
)
def test_pages_and_apps_by_name(origin: str) -> None:
    assert origin_mistake(origin) is None
    allowed = Source(name="web", write_key="k", allowed_origins=("https://other.example", origin))
    assert may_send(allowed, origin)
    assert Sources([allowed]).allows(origin)
    assert not may_send(allowed, "https://evil.example")
    assert not may_send(Source(name="web", write_key="k", allowed_origins=("https://other.example",)), origin)


@pytest.mark.parametrize(
    ("pattern", "matching", "others"),
    [
        (
            "https://*.example.com",
            ["https://shop.example.com", "https://a.b.example.com"],
            [
                *("https://example.com", "http://shop.example.com", "https://shop.example.com:8443"),
                *("https://evilexample.com", "https://shop.example.com.evil.org", "https://shopxexample.com"),
                *(
                    "https://evil.org/.example.com",
                    "https://evil.org#.example.com",
                    "https://u@a.example.com",
                ),
                *("https://.example.com", "https://shop.example.com\n", "null", ""),
            ],
        ),
        ("https://*.example.com:8443", ["https://a.example.com:8443"], ["https://a.example.com"]),
        (
            "http://localhost:*",
            ["http://localhost", "http://localhost:3000"],
            ["https://localhost:3000", "http://localhost:3000.evil.org", "http://localhost:evil"],
        ),
        ("moz-extension://*", [APPS[-1]], ["https://shop.example.com"]),
        (
            "*://shop.example.com",
            ["http://shop.example.com", "https://shop.example.com"],
            ["https://example.com"],
        ),
        ("https://*", ["https://a.example", "https://[::1]"], ["http://a.example", "https://a.example:1"]),
        ("*", ["https://a.example", "capacitor://localhost", "null"], []),
        ("null", ["null"], ["https://null"]),
    ],
)
def test_patterns(pattern: str, matching: list[str], others: list[str]) -> None:
    assert origin_mistake(pattern) is None
    origins = Origins([pattern])
    assert [one for one in matching if not origins.allow(one)] == []
    assert [one for one in others if origins.allow(one)] == []


@pytest.mark.parametrize(
    ("text", "mend"),
    [
        ("shop.example.com", "https://shop.example.com"),
        ("*.example.com", "https://shop.example.com"),
        ("localhost:3000", "https://shop.example.com"),
        ("about:blank", "https://shop.example.com"),
        ("", "https://shop.example.com"),
        ("https://", "https://shop.example.com"),
        ("https://shop.example.com/", "'https://shop.example.com'"),
        ("https://shop.example.com/path?x#y", "'https://shop.example.com'"),
        ("file:///", "'file://'"),
        ("capacitor://localhost/index.html", "'capacitor://localhost'"),
        ("https://shop.example.com:443", "'https://shop.example.com'"),
        ("http://*.example.com:80", "'http://*.example.com'"),
        ("https://Shop.example.com", "'https://shop.example.com'"),
        ("HTTPS://shop.example.com", "'https://shop.example.com'"),
        ("https://käse.example", "'https://xn--kse-qla.example'"),
        ("https://shop.example.com:0", "0 is no port"),
        ("https://shop.example.com:99999", "99999 is no port"),
        ("https://user@shop.example.com", "no origin"),
        ("https://*example.com", "https://*.example.com"),
        ("https://shop.*", "https://*.example.com"),
        ("https://shop.*.example.com", "https://*.example.com"),
        ("https://-shop.example.com", "no origin"),
        ("https://shop example.com", "no origin"),
        ("https://a.example,https://b.example", "no origin"),
        ("capacitor://", "no origin"),
    ],
)
def test_what_can_never_match_is_told_with_the_mend(text: str, mend: str) -> None:
    assert mend in (origin_mistake(text) or "")
    with pytest.raises(ValueError, match=r"origin|never matches"):
        Source(name="web", write_key="k", allowed_origins=(text,))
