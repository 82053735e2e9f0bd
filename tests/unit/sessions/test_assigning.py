"""What of an event decides about its session: its sender, its ids, its times, what it says of Amplitude."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.support.sessions import (
    MINUTE,
    NAME,
    PAGE,
    SERVER,
    START,
    Front,
    event,
    kept,
    minutes_of,
    session_of,
    stamp,
)
from tests.support.spools import at, opened

APP = {"library": {"name": "analytics-kotlin", "version": "1"}}


async def sessions(folder: Path, *events: dict[str, Any], **settings: Any) -> dict[str, float | None]:
    """Return the sessions of events that come one by one."""
    async with opened(at(folder / "spool.db")) as spool:
        front = Front(spool, settings)
        for one in events:
            await front.take(one)
        return await minutes_of(spool)


def _other(folder: Path) -> Path:
    """Return a folder for another spool."""
    other = folder / "other"
    other.mkdir()
    return other


async def test_pages_events_without_an_id_get_one_by_their_own_time(tmp_path: Path) -> None:
    came = [event("a", 0), event("c", 40), event("b", 20), event("late", -20), event("other", 5, "anon-2")]
    found = await sessions(tmp_path, *came)
    assert found == {**dict.fromkeys(["a", "b", "c", "late"], -20), "other": 5}


async def test_what_a_destination_has_read_names_the_session_of_what_comes_late(tmp_path: Path) -> None:
    async with opened(at(tmp_path / "spool.db")) as spool:
        front = Front(spool)
        for one in (event("a", 0), event("c", 40), event("b", 20), event("late", -20)):
            await front.take(one)
            await kept(spool)
        # b lies between two sessions that had begun: both are one from then on, and c keeps what it got.
        assert await minutes_of(spool) == {"a": 0, "c": 40, "b": 0, "late": 0}


async def test_events_of_one_request_count_in_the_order_of_their_times(tmp_path: Path) -> None:
    async with opened(at(tmp_path / "spool.db")) as spool:
        await Front(spool).take(event("c", 40), event("b", 20), event("a", 0), event("d", 75))
        assert await minutes_of(spool) == {"a": 0, "b": 0, "c": 0, "d": 75}
        assert (await kept(spool))["d"]["sessionReason"] == "assigned: no plugin, idle"


@pytest.mark.parametrize("name", [NAME, "Amplitude (Actions)"])
async def test_given_ids_stay_and_others_join_them(tmp_path: Path, name: str) -> None:
    given = {name: {"session_id": START - MINUTE, "groups": {"a": "b"}}}
    came = [event("first", 0, integrations=given), event("second", 10), event("third", 41)]
    assert await sessions(tmp_path, *came) == {
        "first": -1 if name == NAME else None,  # as it came
        "second": -1,
        "third": 41,
    }


@pytest.mark.parametrize("session_id", [-1, "-1", 0, "abc", True, 1.5, {}])
async def test_what_is_no_session_stays_as_it_is_and_changes_nothing(
    tmp_path: Path, session_id: object
) -> None:
    async with opened(at(tmp_path / "spool.db")) as spool:
        front = Front(spool, {"assign": "all"})
        await front.take(event("a", 0))
        await front.take(event("out", 20, integrations=stamp(session_id)))
        await front.take(event("b", 40))
        found = await kept(spool)
        assert found["out"]["integrations"] == stamp(session_id)
        assert "sessionReason" not in found["out"]
        assert session_of(found["b"]) == START + 40 * MINUTE


@pytest.mark.parametrize(
    ("integrations", "stamped", "prolongs"),
    [
        ({}, True, True),
        ({"All": True, "Segment.io": {"a": 1.50}}, True, True),
        ({NAME: True}, True, True),
        ({NAME: {"groups": {"a": "b"}}}, True, True),
        ({NAME: {"session_id": None, "x": 1}}, True, True),
        ({"All": False, "Amplitude (Actions)": True}, True, True),
        ({"All": False}, False, True),
        ({NAME: False}, False, False),
        ({"Amplitude (Actions)": False, NAME: {}}, False, False),
    ],
)
async def test_integrations_decide(
    tmp_path: Path, integrations: dict[str, Any], stamped: bool, prolongs: bool
) -> None:
    async with opened(at(tmp_path / "spool.db")) as spool:
        front = Front(spool)
        await front.take(event("a", 0))
        await front.take(event("b", 20, integrations=integrations))
        await front.take(event("c", 40))
        found = await kept(spool)
    own = integrations.get(NAME)
    options = {**own, "session_id": START} if isinstance(own, dict) else {"session_id": START}
    assert found["b"]["integrations"] == ({**integrations, NAME: options} if stamped else integrations)
    assert session_of(found["c"]) == (START if prolongs else START + 40 * MINUTE)


@pytest.mark.parametrize(
    ("assign", "context", "has"),
    [
        ("off", PAGE, False),
        ("web", PAGE, True),
        ("web", SERVER, False),
        ("web", APP, False),
        ("all", PAGE, True),
        ("all", SERVER, True),
        ("all", APP, True),
        ("web", {"library": {"name": "RudderLabs JavaScript SDK"}}, True),
        ("web", {"library": {"name": "@jitsu/js"}}, True),
        ("web", {"library": {"name": "com.rudderstack.android.sdk.core"}}, False),
    ],
)
async def test_whose_events_get_one(tmp_path: Path, assign: str, context: dict[str, Any], has: bool) -> None:
    found = await sessions(tmp_path, event("a", 0, context=context), assign=assign)
    assert found == {"a": 0 if has else None}


async def test_types_that_the_plugin_does_not_stamp_get_none(tmp_path: Path) -> None:
    screen = event("s", 0) | {"type": "screen", "name": "Home"}
    assert await sessions(tmp_path, screen) == {"s": None}
    assert await sessions(_other(tmp_path), {**screen, "messageId": "t"}, eventTypes=["screen"]) == {"t": 0}


async def test_lengths_and_users_are_those_of_the_page(tmp_path: Path) -> None:
    came = [event("a", 0, user="ada"), event("b", 4, user="bob"), event("c", 8, user="bob"), event("d", 14)]
    settings = {"sessionLength": 5 * MINUTE, "newOnUserChange": True}
    assert await sessions(tmp_path, *came, **settings) == {"a": 0, "b": 4, "c": 4, "d": 14}


async def test_a_maximum_ends_a_session(tmp_path: Path) -> None:
    came = [event(str(minute), minute) for minute in range(0, 100, 20)]
    found = await sessions(tmp_path, *came, maximumLength=60 * MINUTE)
    assert found == {"0": 0, "20": 0, "40": 0, "60": 60, "80": 60}


async def test_servers_events_join_the_session_on_the_users_device(tmp_path: Path) -> None:
    def server(name: str, minutes: float, **more: Any) -> dict[str, Any]:
        return event(name, minutes, more.pop("device", None), "ada", context=SERVER, **more)

    async with opened(at(tmp_path / "spool.db")) as spool:
        front = Front(spool)
        await front.take(server("before", -1))
        await front.take(event("page", 0, user="ada", integrations=stamp(START)))
        await front.take(server("joins", 10))
        await front.take(server("on device", 12, device="anon-1"))
        await front.take(server("on another", 14, device="backend-77"))
        await front.take(server("out", 15, integrations=stamp(-1)))
        await front.take(server("too late", 31))  # the server's own events prolong nothing
        await front.take(event("stranger", 10, None, "bob", context=SERVER))
        found = await minutes_of(spool)
        reasons = {name: one.get("sessionReason") for name, one in (await kept(spool)).items()}
    assert found["before"] is found["too late"] is found["stranger"] is None
    assert found["joins"] == found["on device"] == found["on another"] == found["page"] == 0
    assert reasons["joins"] == reasons["on another"] == "joined device anon-1"
    assert (await sessions(_other(tmp_path), event("p", 0, user="ada"), server("j", 1), join=False))[
        "j"
    ] is None


async def test_servers_sessions_of_their_own(tmp_path: Path) -> None:
    came = [event(str(minute), minute, None, "ada", context=SERVER) for minute in (0, 20, 45, 80)]
    assert await sessions(tmp_path, *came, assign="all") == {"0": 0, "20": 0, "45": 0, "80": 80}


async def test_sources_have_rules_of_their_own_and_share_users(tmp_path: Path) -> None:
    async with opened(at(tmp_path / "spool.db")) as spool:
        front = Front(spool, {}, shop={}, backend={"assign": "off"}, jobs={"assign": "all"})
        await front.take(event("page", 0, user="ada"), source="shop")
        await front.take(event("off", 1, None, "ada", context=SERVER), source="backend")
        await front.take(event("job", 2, None, "ada", context=SERVER), source="jobs")
        assert await minutes_of(spool) == {"page": 0, "off": None, "job": 0}


async def test_rudderstacks_session_counts_as_given(tmp_path: Path) -> None:
    context = {"library": {"name": "RudderLabs JavaScript SDK"}, "sessionId": START - 2 * MINUTE}
    came = [event("r", 0, context=context), event("next", 10)]
    assert await sessions(tmp_path, *came) == {"r": -2, "next": -2}


@pytest.mark.parametrize("odd", [{"anonymousId": "x" * 201}, {"anonymousId": {"a": 1}}, {"anonymousId": ""}])
async def test_odd_ids_are_no_devices(tmp_path: Path, odd: dict[str, Any]) -> None:
    assert await sessions(tmp_path, event("a", 0, user="ada") | odd) == {"a": 0}
    async with opened(at(tmp_path / "other.db")) as spool:
        await Front(spool).take({**event("b", 0), "anonymousId": "\0\n\u2028", "userId": 5})
        assert await minutes_of(spool) == {"b": 0}
