"""The console's dead letters: by reason, whether they would pass now, sent again with the result."""

import re
from collections.abc import AsyncIterator
from pathlib import Path

import orjson
import pytest

from forwarder.history import dead_groups
from forwarder.spool import DeadLetter, NewDead, Settlement, StoredEvent
from forwarder.trial.redriving import GONE, outlook
from forwarder.trial.work_budget import WorkBudget
from forwarder.wiring import destinations_of
from tests.support.console import HOSTILE, Console, console, is_safe
from tests.support.spools import NOW, at, opened
from tests.unit.console.test_mappings import SETTINGS, TRACK, destination, texts

REFUSED = "invalid length of user_id"


@pytest.fixture(autouse=True)
def _has_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("forwarder.console.dead_acts.TRY_S", 60.0)


@pytest.fixture
async def shop(tmp_path: Path) -> AsyncIterator[Console]:
    async with console(tmp_path, SETTINGS) as made:
        yield made


async def die(
    made: Console, *reasons: str, first: int = 1, name: str = "presets", died_at: int = NOW, **event: object
) -> None:
    """Have events accepted and die, each for its reason. ``first``: seq of the first of them."""
    said = {"type": "track", "event": "Order", "userId": "user-1", **event}
    dead = []
    for seq, reason in enumerate(reasons, first):
        message_id = f"{event.get('messageId', 'm')}-{seq}"
        await made.accept({**said, "messageId": message_id})
        body = orjson.dumps({**said, "messageId": message_id})
        letter = StoredEvent(seq, NOW, "web", message_id, body)
        dead.append(NewDead(letter, reason, b'{"answer": "no"}', b""))
    ended = {("dead", reason): 1 for reason in reasons}
    await made.spool.settle(name, Settlement(first + len(reasons) - 1, dead=dead, ended=ended), died_at)


async def test_letters_are_grouped_by_reason_with_an_example(shop: Console) -> None:
    assert "No dead letters." in texts(await shop.page("/dead"))
    await die(shop, REFUSED, f"{REFUSED}: ab", "mapping failed: x")
    await die(shop, REFUSED, first=4, died_at=NOW + 60_000, event="Last")
    said = texts(await shop.page("/dead"))
    assert re.search(
        rf"{REFUSED} 3 letters destination presets newest event Last its user user-1 First 2026-09-21"
        r" 14:13:20 , last 2026-09-21 14:14:20 ; the newest is number 4",
        said,
    )
    assert "mapping failed 1 letter " in said
    assert said.index(REFUSED) < said.index("mapping failed"), "the largest first"
    assert "No dead letters of own." in texts(await shop.page("/dead?destination=own"))


async def test_the_letters_of_a_group_are_listed_with_event_and_user(shop: Console) -> None:
    await die(shop, REFUSED, "mapping failed: x", f"{REFUSED}: ab")
    page = await shop.page(f"/dead/letters?destination=presets&reason={REFUSED}")
    assert re.findall(r'aria-label="(\d+)"', page) == ["1", "3"]
    assert "Order user-1 presets web m-1" in texts(page)
    page = await shop.page(f"/dead/letters?destination=presets&reason={REFUSED}&after=1")
    assert re.findall(r'aria-label="(\d+)"', page) == ["3"]


async def test_a_group_is_sent_again_after_a_page_that_names_the_number(shop: Console) -> None:
    await die(shop, *[REFUSED] * 12, "mapping failed")
    group = {"destination": "presets", "reason": REFUSED}
    page = await shop.send("/dead/confirm", {**group, "act": "retry"})
    said = texts(page)
    assert "Send 12 dead letters again?" in said
    assert "12 would be sent Amplitude may still refuse" in said
    await die(shop, REFUSED, first=14)
    fields = dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', page))
    assert fields == {**group, "upto": "12"}, "what dies meanwhile is not sent along"
    said = texts(await shop.send("/dead/retry", fields))
    assert "12 dead letters were sent again" in said
    assert "today's mapping 0 dead again 0 waiting 12" in said
    standing = (await shop.spool.counts()).destinations["presets"]
    assert (standing.parked, standing.dead) == (12, 2)
    again = NewDead(StoredEvent(1, NOW, "web", "m-1", b"{}"), REFUSED, b"", b"")
    await shop.spool.settle("presets", Settlement(14, unpark=range(1, 12), dead=[again]), NOW)
    page = await shop.page("/dead/sent/1")
    assert "today's mapping 10 dead again 1 waiting 1" in texts(page)
    assert "Look again" in page
    await shop.spool.settle("presets", Settlement(14, unpark=[12]), NOW)
    assert "Look again" not in await shop.page("/dead/sent/1")
    await shop.page("/dead/sent/2", 404)


async def test_what_would_become_of_them_is_said_before(shop: Console) -> None:
    await die(shop, "x", "x", userId="ab")
    await die(shop, "x", first=3, type="alias", previousId="user-2")
    await die(shop, "x", first=4, integrations={"All": False})
    said = texts(await shop.send("/dead/confirm", {"destination": "presets", "reason": "x", "act": "retry"}))
    assert "Send 4 dead letters again?" in said
    assert "2 would be sent" in said
    assert "1 filtered no trigger matched: nothing would be sent." in said
    assert "1 filtered excluded by integrations" in said
    assert "2 with no_id Amplitude will most likely refuse these again." in said


async def test_letters_that_would_die_again_are_told_before(tmp_path: Path) -> None:
    mapping = {**TRACK["mapping"], "price": {"@path": "$.userId"}}
    failing = destination("presets", {**TRACK, "mapping": mapping})
    settings = SETTINGS.model_copy(update={"destinations": (failing, destination("own"))})
    async with console(tmp_path, settings) as made:
        await die(made, "x", "x", "y")
        said = texts(await made.send("/dead/confirm", {"number": "1", "act": "retry"}))
        assert re.search(r"1 dead again .*price", said)
    only = SETTINGS.model_copy(update={"destinations": (destination("own"),)})
    [letter] = [one for one in await dead_of(tmp_path) if one.number == 3]
    told = outlook([letter], only, destinations_of(only), NOW, WorkBudget(60))
    assert (told.tried, told.failing) == (1, {GONE: 1})


async def dead_of(folder: Path) -> list[DeadLetter]:
    async with opened(at(folder / "spool.db")) as spool:
        return await spool.dead()


async def test_chosen_letters_are_dropped_after_a_page_that_names_the_number(shop: Console) -> None:
    await die(shop, REFUSED, REFUSED)
    page = await shop.send("/dead/confirm", {"number": "2", "act": "drop"})
    assert "Drop 1 dead letter for good? " in texts(page)
    assert "Nothing brings them back." in texts(page)
    assert (await shop.spool.counts()).destinations["presets"].dead == 2, "nothing is done yet"
    page = await shop.send("/dead/drop", {"number": "2"})
    assert "1 dead letter was dropped." in texts(page)
    assert [one.number for one in await shop.spool.dead()] == [1]
    page = await shop.send("/dead/drop", {"destination": "presets", "reason": REFUSED, "upto": "1"})
    assert "No dead letters." in texts(page)


async def test_forms_that_choose_nothing_do_nothing(shop: Console) -> None:
    await die(shop, REFUSED)
    for act in ("confirm", "retry", "drop"):
        for fields in ({}, {"destination": "presets"}, {"reason": REFUSED}, {"number": "9"}):
            page = await shop.send(f"/dead/{act}", {**fields, "act": "drop"})
            assert REFUSED in page, "the list"
    await shop.send("/dead/confirm", {"number": "1", "act": "other"}, 400)
    for field in ("number", "upto"):
        fields = {"destination": "presets", "reason": REFUSED, "act": "drop", field: "x"}
        await shop.send("/dead/drop", fields, 400)
    answer = await shop.client.post(
        "/console/dead/confirm", data={"number": "1", "act": "drop"}, headers={"sec-fetch-site": "cross-site"}
    )
    assert answer.status_code == 403
    assert len(await shop.spool.dead()) == 1


async def test_of_very_many_the_newest_are_counted(shop: Console, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dead_groups, "MOST", 3)
    monkeypatch.setattr("forwarder.console.dead_letters.MOST", 3)
    await die(shop, "old", "old", REFUSED, REFUSED, REFUSED)
    said = texts(await shop.page("/dead"))
    assert "Only the newest 3 are counted here" in said
    assert f"{REFUSED} 3 letters" in said
    assert "old 2 letters" not in said
    assert not re.findall('aria-label="\\d', await shop.page("/dead/letters?destination=presets&reason=old"))


async def test_a_letter_far_back_is_found_at_once(shop: Console) -> None:
    await die(shop, *["x"] * 50)
    [letter] = await shop.spool.dead(number=50)
    assert letter.number == 50
    assert await shop.spool.dead(number=50, after=50) == []
    assert await shop.spool.dead(number=51) == []


async def test_hostile_reasons_events_and_users_are_shown_escaped(shop: Console) -> None:
    await die(shop, HOSTILE, f"{HOSTILE}: {HOSTILE}", messageId=HOSTILE, event=HOSTILE, userId=HOSTILE)
    pages = [await shop.page(path) for path in ("/dead", "/dead/letters", "/dead/1")]
    asked = {"destination": "presets", "reason": HOSTILE}
    answer = await shop.client.get("/console/dead/letters", params=asked)
    assert "\\u202e" in answer.text
    pages += [answer.text, await shop.send("/dead/confirm", {**asked, "act": "retry"})]
    pages.append((await shop.client.get("/console/dead", params={"destination": HOSTILE})).text)
    pages.append(await shop.send("/dead/retry", {"number": "1"}))
    for page in pages:
        assert is_safe(page)
