"""The console's pages about mappings: the list, the tester, what if. Nothing is changed by any."""

import html
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import orjson
import pytest

from forwarder.amplitude.actions.presets import presets
from forwarder.config.settings import Destination, Settings, Source
from forwarder.spool.history import TurnedAway
from tests.support.console import HOSTILE, Console, console, is_safe
from tests.support.spools import HOUR, NOW

KEY = "the-api-key-of-32-characters-abc"
TRACK: dict[str, Any] = presets()[0]
TRIGGER = str(TRACK["subscribe"])
OURS = {**TRACK, "name": "Ours", "mapping": {**TRACK["mapping"], "user_id": "ab", "app_version": "1.2"}}
OFF = {**presets()[2], "enabled": False}
MAPPING = orjson.dumps(TRACK["mapping"]).decode()


def destination(name: str, *subscriptions: dict[str, Any], **more: Any) -> Destination:
    keys = {"apiKey": KEY, "secretKey": "s" * 32}
    given = {"name": name, "settings": keys, "subscriptions": subscriptions or None, **more}
    return Destination.model_validate(given)


SETTINGS = Settings(
    sources=(Source(name="web", write_key="web-key"), Source(name="app", write_key="app-key")),
    destinations=(destination("presets"), destination("own", OURS, OFF, sources=("web",))),
)


@pytest.fixture(autouse=True)
def _has_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let nothing depend on how quick the machine is."""
    monkeypatch.setattr("forwarder.console.mappings.LOOK_S", 60.0)
    monkeypatch.setattr("forwarder.console.mappings.TRY_S", 60.0)


@pytest.fixture
async def shop(tmp_path: Path) -> AsyncIterator[Console]:
    async with console(tmp_path, SETTINGS) as made:
        yield made


def texts(page: str) -> str:
    """Return what a page says, without its markup."""
    return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", page)).split())


def edited_text(page: str, field: str) -> str:
    """Return what stands in a page's text area."""
    return html.unescape(page.partition(f'name="{field}"')[2].partition(">\n")[2].partition("</textarea>")[0])


def fields(mapping: str, trigger: str = TRIGGER) -> dict[str, str]:
    return {"on": "on", "trigger": trigger, "mapping": mapping}


def track(number: int, **more: object) -> dict[str, object]:
    return {"type": "track", "event": "Seen", "messageId": f"m-{number}", **more}


async def test_the_list_says_what_matched_in_the_last_hour(shop: Console) -> None:
    assert "No event came in the last hour" in texts(await shop.page("/mappings"))
    await shop.accept(track(0), at=NOW - HOUR - 1)
    await shop.accept(track(1), track(2), {"type": "alias", "messageId": "a-1"})
    await shop.accept(track(3), source="app")
    said = texts(await shop.page("/mappings"))
    both = said.partition("Destination own")
    assert 'Track Calls logEventV2 type = "track" and event != "Order Completed" 3' in both[0]
    assert "no trigger matches 1" in both[0]
    assert "Segment's presets" in both[0]
    assert re.search(r"Ours logEventV2 .* 2 short_id \(2\) no_id \(2\)", both[2])
    assert "Page Calls logEventV2 off" in both[2]
    assert "source not routed here: 1" in both[2]
    assert "runs in the page" in both[0]


async def test_a_subscription_is_shown_with_its_difference_to_the_preset(shop: Console) -> None:
    page = await shop.page("/mappings/own/0")
    said = texts(page)
    assert re.search(r'user_id {"@path":\s?"\$.userId"} "ab"', said)
    assert "app_version" in said
    assert edited_text(page, "trigger") == TRIGGER
    assert orjson.loads(edited_text(page, "mapping")) == OURS["mapping"]
    assert "It is as the preset Track Calls." in texts(await shop.page("/mappings/presets/0"))
    for missing in ("/mappings/own/2", "/mappings/other/0"):
        await shop.page(missing, 404)
    await shop.page("/mappings/own/x", 400)


async def test_what_if_says_what_would_have_changed_and_changes_nothing(shop: Console) -> None:
    await shop.accept(track(1, properties={"plan": "a"}), track(2), {"type": "page", "messageId": "p-1"})
    mapping = {**TRACK["mapping"], "event_type": "Renamed", "app_version": None}
    text = orjson.dumps({name: value for name, value in mapping.items() if value is not None}).decode()
    page = await shop.send("/mappings/presets/0", {**fields(text), "events": "100"})
    said = texts(page)
    for part in ("events looked at 3", "matched by this subscription 2 → 2", "something else is sent 2"):
        assert part in said
    assert 'event_type changed 2 "Seen" "Renamed" Track Calls' in said
    assert edited_text(page, "mapping") == text
    assert '<option value="100" selected>' in page
    narrowed = {**fields(MAPPING, 'event = "x"'), "events": "9999"}
    page = await shop.send("/mappings/presets/0", narrowed)
    said = texts(page)
    assert "matched by this subscription 2 → 0" in said
    assert "the whole event no longer sent 2" in said
    assert "is no longer sent" in said
    same = await shop.send("/mappings/presets/0", fields(MAPPING))
    assert "The same would have been sent." in texts(same)
    assert "Track Calls" in await shop.page("/mappings"), "as configured"
    off = texts(await shop.send("/mappings/presets/0", {"trigger": TRIGGER, "mapping": MAPPING}))
    assert "matched by this subscription 2 → 0" in off


async def test_a_mistake_is_named_and_the_text_kept(shop: Console) -> None:
    wrong = '{"event_type": "x",\n "price": }'
    page = await shop.send("/mappings/own/0", fields(wrong, 'event = "x'))
    assert "mapping: line 2, column 11 is not JSON" in texts(page)
    assert edited_text(page, "mapping") == wrong
    assert edited_text(page, "trigger") == 'event = "x'
    page = await shop.send("/mappings/own/0", fields('{"event_type": {"@no": 1}}'))
    assert "mapping.event_type" in texts(page)
    page = await shop.send("/mappings/own/0", fields("x" * 200_000))
    assert "has 200,000 characters" in texts(page)
    await shop.send("/mappings/own/0", fields("x" * 500_000), 413)


async def test_an_edited_subscription_is_exported_as_a_file(shop: Console) -> None:
    export = {**fields(MAPPING), "export": "json"}
    answer = await shop.client.post("/console/mappings/own/0", data=export)
    assert answer.headers["content-disposition"] == 'attachment; filename="subscription.json"'
    assert answer.json() == {**OURS, "mapping": TRACK["mapping"]}
    page = await shop.send("/mappings/own/0", {**export, "mapping": "["})
    assert "mapping: line 1" in texts(page), "nothing unusable is exported"


async def test_forms_of_other_sites_are_refused(shop: Console) -> None:
    for path in ("/mappings/own/0", "/mappings/test"):
        answer = await shop.client.post(
            f"/console{path}", data={"event": "{}"}, headers={"sec-fetch-site": "cross-site"}
        )
        assert answer.status_code == 403


async def test_a_pasted_event_is_explained_with_its_calls_and_no_key(shop: Console) -> None:
    event = {"type": "track", "event": "Seen", "userId": "ab", "properties": {"plan": "a"}}
    page = await shop.send("/mappings/test", {"event": orjson.dumps(event).decode(), "source": "web"})
    said = texts(page)
    assert "Track Calls logEventV2 matches yes all of" in said
    assert 'no type = "page" it is "track"' in said
    assert "user_id has 2 characters and is dropped" in said
    assert "POST https://api2.amplitude.com/2/httpapi" in said
    assert '"event_type": "Seen"' in said
    assert KEY not in page
    assert "Page Calls logEventV2 is not run: it is switched off" in said
    pasted = {"event": orjson.dumps(event).decode(), "source": "app"}
    other = texts(await shop.send("/mappings/test", pasted))
    assert "Filtered: source not routed here; nothing is sent." in other


@pytest.mark.parametrize(
    ("event", "said"),
    [
        ("", "Paste one event as JSON."),
        ("{", "event: line 1 is not JSON"),
        ("17", "event: line 1 holds no JSON object"),
        ('{"type": "track", "userId": "u"}', "Rejected (no_event_name)"),
        ('{"type": "alias", "userId": "user-1", "previousId": "user-2"}', "Filtered: no trigger matched"),
        (
            '{"type": "track", "event": "x", "userId": "u", "integrations": {"All": false}}',
            "excluded by integ",
        ),
    ],
)
async def test_what_becomes_of_other_texts_is_said(shop: Console, event: str, said: str) -> None:
    page = await shop.send("/mappings/test", {"event": event})
    assert said in texts(page)
    assert edited_text(page, "event") == event


async def test_an_event_of_history_is_explained_by_its_message_id(shop: Console) -> None:
    await shop.accept(track(7, properties={"plan": "a"}))
    page = await shop.page("/mappings/test?message=m-7")
    assert "Track Calls logEventV2 matches" in texts(page)
    assert orjson.loads(edited_text(page, "event"))["messageId"] == "m-7"
    away = TurnedAway(NOW, "web", "m-8", "rejected", "no_event_name", b'{"type": "track"}')
    shop.spool.turn_away([away])
    await shop.spool.write_turned_away()
    assert "Rejected (no_event_name): when it came it was rejected" in texts(
        await shop.page("/mappings/test?message=m-8")
    )
    assert "History has no event with this message id" in texts(await shop.page("/mappings/test?message=m-9"))


async def test_hostile_names_ids_and_mappings_are_shown_escaped(tmp_path: Path) -> None:
    name = HOSTILE
    given = {
        **TRACK,
        "name": name,
        "subscribe": f'event = "{HOSTILE}"',
        "mapping": {**TRACK["mapping"], name: name},
    }
    settings = Settings(
        sources=SETTINGS.sources, destinations=(destination("own", given, {**given, "enabled": False}),)
    )
    async with console(tmp_path, settings) as made:
        hostile = track(1, event=name, messageId=name, properties={name: name}, userId=name)
        await made.accept(hostile)
        shown = [await made.page("/mappings"), await made.page("/mappings/own/0")]
        pasted = orjson.dumps({**hostile, "timestamp": HOSTILE, "context": {"userAgent": HOSTILE}}).decode()
        shown.append(await made.send("/mappings/test", {"event": pasted}))
        shown.append(await made.send("/mappings/test", {"event": pasted + HOSTILE, "source": HOSTILE}))
        text = orjson.dumps({**TRACK["mapping"], "event_type": HOSTILE}).decode()
        given = fields(text, f'event = "{HOSTILE}"')
        shown.append(await made.send("/mappings/own/0", given))
        assert "something else is sent" in shown[-1]
        shown.append(await made.send("/mappings/own/0", fields(HOSTILE, HOSTILE)))
        shown.append((await made.client.get("/console/mappings/test", params={"message": HOSTILE})).text)
        for page in shown:
            assert is_safe(page)
