"""The Settings page: everything that is configured, nothing that is secret, how full things are."""

from pathlib import Path

import pytest

from forwarder.config.settings import Settings
from forwarder.console.settings_shown import HIDDEN, share, size, snippet, tables
from forwarder.history.fullness import Fullness, fullness
from tests.support.consoles import NOW, SETTINGS, TOKEN, console, filled

SECRET = Settings.model_validate(
    {
        "server": {"operator_token": TOKEN, "public_url": "https://events.example.com/seg"},
        "spool": {"token": "the-servers-token"},
        "session": {"session_events": True},
        "sources": [{"name": "shop", "write_key": "shop-key"}, {"name": "app", "write_key": "app-key"}],
        "destinations": [
            {
                "name": "amplitude",
                "settings": {"apiKey": "the-api-key", "secretKey": "the-secret-key"},
                "subscriptions": [{"name": "All", "secret": "mapped"}],
            }
        ],
    }
)


def test_every_setting_is_there_and_no_secret() -> None:
    shown = {table.title: {one.name: one for one in table.settings} for table in tables(SECRET)}
    assert list(shown) == [
        *("[server]", "[spool]", "[history]", "[limits]", "[session]"),
        *("source shop", "source app", "destination amplitude"),
    ]
    assert set(shown["[limits]"]) == set(type(SECRET.limits).model_fields)
    assert shown["[server]"]["operator_token"].value == HIDDEN
    assert shown["[spool]"]["token"].value == HIDDEN
    amplitude = shown["destination amplitude"]
    assert amplitude["settings.apiKey"].value == amplitude["settings.secretKey"].value == HIDDEN
    assert amplitude["subscriptions"].value == "1 in the file"
    assert shown["[session]"]["session_events"].value == "true"
    assert shown["[server]"]["public_url"].is_set
    assert not shown["[server]"]["host"].is_set
    assert shown["source app"]["write_key"] == ("write_key", "app-key", True)
    assert shown["[spool]"]["max_events"].value == "5_000_000"
    assert shown["[server]"]["port"].value == "8300"
    plain = {table.title: {one.name: one for one in table.settings} for table in tables(Settings())}
    assert plain["[server]"]["operator_token"].value == "not set"
    everything = repr(shown)
    for secret in (TOKEN, "the-servers-token", "the-api-key", "the-secret-key", "mapped"):
        assert secret not in everything


async def test_the_page_shows_sources_with_snippets_and_hides_secrets(tmp_path: Path) -> None:
    async with filled(tmp_path) as spool, console(spool, SECRET) as operator:
        text = (await operator.get("/console/settings")).text
        kept = await spool.look(fullness)
    for part in (
        "shop-key",
        "app-key",
        "https://events.example.com/seg",
        "analytics.page();",
        "4 of 5,000,000",
    ):
        assert part in text, part
    for secret in (TOKEN, "the-servers-token", "the-api-key", "the-secret-key"):
        assert secret not in text
    assert kept.events == 4, "the others wait"
    assert (kept.oldest_at, kept.turned_away) == (NOW + 1000, 3)
    assert kept.bytes > 100
    assert f"{kept.events}</dd>" in text


async def test_without_a_public_address_the_snippet_names_the_one_that_was_asked(tmp_path: Path) -> None:
    async with filled(tmp_path) as spool, console(spool, SETTINGS) as operator:
        text = (await operator.get("/console/settings")).text
        await spool.expire(NOW)
        spool.bound_history(0, 0)
        await spool.expire(NOW)
        assert await spool.look(fullness) == Fullness(0, 0, None, 0)
        assert "history reaches back" in (await operator.get("/console/settings")).text
    assert "(&#34;shop-key&#34;, &#34;http://console.example&#34;)" in text


@pytest.mark.parametrize(
    ("number", "said"),
    [
        (0, "0 bytes"),
        (999, "999 bytes"),
        (1000, "1.0 kB"),
        (123_456, "123 kB"),
        (2 * 10**9, "2.0 GB"),
        (10**13, "10,000 GB"),
    ],
)
def test_sizes_are_said_in_units(number: int, said: str) -> None:
    assert size(number) == said


def test_shares_are_between_nothing_and_all() -> None:
    assert [share(0, 0), share(1, 3), share(5, 4)] == [0, 33, 100]


def test_a_snippet_stays_inside_its_script() -> None:
    text = snippet("key", "http://x/</script>")
    assert text.count("</script>") == 1
    assert "KEY" not in text.replace("_writeKey", "")
