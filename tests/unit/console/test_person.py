"""The time line of a user: sessions, gaps, reasons, marks, and what is drawn of them."""

from pathlib import Path

import orjson

from forwarder.console.person import WIDTH, Person, person
from forwarder.history.listing import Listed
from forwarder.history.states import State
from forwarder.sessions.facts import SessionRules
from forwarder.spool import StoredEvent
from tests.support.consoles import HOSTILE, console, filled

T = 1_790_000_000_000
MINUTE = 60_000


def listed(
    seq: int, minutes: float, session: int | None = None, name: str = "Seen", **fields: object
) -> Listed:
    from forwarder.ingest.times import format_time

    options = {"integrations": {"Actions Amplitude": {"session_id": session}}} if session else {}
    body = {
        "type": "track",
        "event": name,
        "userId": "ada",
        "anonymousId": "laptop",
        "timestamp": format_time(T + round(minutes * MINUTE)),
        **options,
        **fields,
    }
    event = StoredEvent(seq, T + 100 * MINUTE, "shop", f"m{seq}", orjson.dumps(body))
    return Listed(event, {"amplitude": State("delivered", "", 84)})


def made(*events: Listed, **rules: SessionRules) -> Person:
    shown = person(events, ["amplitude"], rules)
    assert shown is not None
    return shown


def test_events_are_in_sessions_and_those_in_order_of_their_own_time() -> None:
    second = T + 60 * MINUTE
    shown = made(
        listed(5, 75, second, "Session Ended"),
        listed(4, 60, second, "Session Started"),
        listed(3, 12, T),
        listed(1, 0, T, "Session Started"),
        listed(2, 70, None, anonymousId="server"),
    )
    assert [(one.session, one.device) for one in shown.visits] == [
        (str(second), "laptop"),
        ("", "server"),
        (str(T), "laptop"),
    ]
    newer, loose, older = shown.visits
    assert [one.row.key for one in older.moments] == ["e1", "e3"]
    assert (older.began, older.ended, older.gap_ms) == (T, T + 12 * MINUTE, 0)
    assert newer.gap_ms == 48 * MINUTE
    assert newer.has_mark == (True, True)
    assert older.has_mark == (True, False)
    assert loose.gap_ms == 0
    assert (shown.begin, shown.end, shown.events) == (T, T + 75 * MINUTE, 5)


def test_bands_are_drawn_to_scale_each_device_in_its_lane() -> None:
    shown = made(
        listed(1, 0, T),
        listed(2, 50, T),
        listed(3, 75, T + 75 * MINUTE, anonymousId="phone"),
        listed(4, 100, T + 75 * MINUTE, anonymousId="phone"),
    )
    assert [(band.x, band.width, band.y) for band in shown.bands] == [(0, 500, 0), (750, 250, 26)]
    assert shown.strips == ["laptop", "phone"]
    one = made(listed(1, 0, T))
    assert [(band.x, band.width) for band in one.bands] == [(0, 4)]
    assert all(0 <= band.x <= WIDTH - band.width for band in shown.bands)


def test_more_devices_than_are_drawn_share_the_last_lane() -> None:
    shown = made(*(listed(n, n, T + n * MINUTE, anonymousId=f"d{n}") for n in range(9)))
    assert len(shown.strips) == 6
    assert max(band.y for band in shown.bands) == 5 * 26
    assert len(shown.bands) == 9


def test_a_session_id_that_is_no_time_does_not_spoil_the_drawing() -> None:
    shown = made(listed(1, 0, 17), listed(2, 30, 17))
    assert shown.visits[0].began == T


def test_reasons_are_counted_and_said_where_they_change() -> None:
    said = {"sessionReason": "joined device laptop"}
    shown = made(listed(1, 0, T), listed(2, 1, T), listed(3, 2, T, **said), listed(4, 3, T, **said))
    reasons = [one.reason for one in shown.visits[0].moments]
    assert reasons == ["page: the event brought its session id", "", "joined device laptop", ""]
    assert list(shown.visits[0].reasons.values()) == [2, 2]


def test_session_events_have_the_names_of_their_source() -> None:
    rules = SessionRules(started_name="Visit Begins", ended_name="Visit Over")
    events = [listed(1, 0, T, "Visit Begins"), listed(2, 1, T, "Visit Over"), listed(3, 2, T, "Seen")]
    assert [one.mark for one in made(*events, shop=rules).visits[0].moments] == ["started", "ended", ""]
    assert made(*events).visits[0].has_mark == (False, False)
    assert person([], []) is None


def test_what_cannot_be_read_is_shown_at_the_time_it_came() -> None:
    event = StoredEvent(1, T, "shop", "m1", b"not json")
    [visit] = made(Listed(event, {})).visits
    assert (visit.session, visit.began) == ("", T)


async def test_the_page_shows_it(tmp_path: Path) -> None:
    async with filled(tmp_path) as spool, console(spool) as operator:
        text = (await operator.get("/console/events/timeline", params={"user": "u1"})).text
        assert "<rect" in text
        assert "no Started" in text
        assert text.count('<tr id="e') == 4
        text = (await operator.get("/console/events/timeline", params={"device": HOSTILE})).text
        assert all(line.replace("\t", "").isprintable() for line in text.split("\n"))
        assert "<b>" not in text
        assert "\\u202e" in text
        assert (
            "History has no event of this user"
            in (await operator.get("/console/events/timeline", params={"user": "nobody"})).text
        )
        assert (await operator.get("/console/events/timeline")).status_code == 400
