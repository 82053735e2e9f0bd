"""One event through ``SessionPlugin``: its stamp, its session events, and storage that fails."""

import time
from collections.abc import Iterator, MutableMapping
from typing import Any

import pytest

from browser_plugin import SessionPlugin, SessionSettings
from browser_plugin.plugin import Emitted, facts, moment_of

NOW = 1_700_000_000_000
MINUTE = 60_000
TRACK = {"type": "track", "event": "x"}


class Failing(MutableMapping[str, str]):
    """A storage that is full, or may not be touched at all."""

    def __init__(self, stored: dict[str, str], reads: bool) -> None:
        self.stored = stored
        self.reads = reads

    def __getitem__(self, key: str) -> str:
        if not self.reads:
            raise PermissionError("storage is denied")
        return self.stored[key]

    def __setitem__(self, key: str, value: str) -> None:
        raise OSError("the quota has been exceeded")

    def __delitem__(self, key: str) -> None:
        raise OSError

    def __iter__(self) -> Iterator[str]:
        return iter(self.stored)

    def __len__(self) -> int:
        return len(self.stored)


def session_of(event: dict[str, Any]) -> int:
    session: int = event["integrations"]["Actions Amplitude"]["session_id"]
    return session


def test_an_end_lies_in_the_session_that_ended_at_its_last_activity() -> None:
    storage: dict[str, str] = {}
    plugin = SessionPlugin(SessionSettings(session_events=True), storage)
    assert plugin.enrich(TRACK, NOW).emitted == [Emitted("Session Started", {}, NOW, NOW)]
    assert plugin.enrich(TRACK, NOW + 10 * MINUTE).emitted == []
    later = NOW + 40 * MINUTE
    assert plugin.enrich(TRACK, later).emitted == [
        Emitted("Session Ended", {"duration": 10 * MINUTE}, NOW + 10 * MINUTE, NOW),
        Emitted("Session Started", {}, later, later),
    ]


def test_its_own_events_keep_the_stamp_they_were_made_with_and_no_session_alive() -> None:
    storage: dict[str, str] = {}
    plugin = SessionPlugin(SessionSettings(session_events=True), storage)
    plugin.enrich(TRACK, NOW)
    stored = dict(storage)
    for name in ("Session Started", "Session Ended"):
        own = {"type": "track", "event": name, "integrations": {"Actions Amplitude": {"session_id": 5}}}
        done = plugin.enrich(own, NOW + MINUTE)
        assert (done.event, done.emitted, done.decision, storage) == (own, [], None, stored)


def test_a_page_s_own_event_of_that_name_is_stamped() -> None:
    named = {"type": "track", "event": "Session Started"}
    assert session_of(SessionPlugin(SessionSettings(), {}).enrich(named, NOW).event) == NOW


def test_the_given_event_stays_as_it_was() -> None:
    options: dict[str, Any] = {"groups": {"a": "b"}}
    event = {"type": "track", "integrations": {"Actions Amplitude": options}}
    done = SessionPlugin(SessionSettings(), {}).enrich(event, NOW)
    assert event == {"type": "track", "integrations": {"Actions Amplitude": {"groups": {"a": "b"}}}}
    assert done.event["integrations"]["Actions Amplitude"] == {"groups": {"a": "b"}, "session_id": NOW}


@pytest.mark.parametrize("reads", [True, False], ids=["full", "denied"])
def test_a_storage_that_fails_breaks_no_session(reads: bool) -> None:
    old = {"analytics_session_id": "5", "analytics_session_id.last_access": "6"}
    plugin = SessionPlugin(SessionSettings(), Failing(old, reads))
    sessions = [
        session_of(plugin.enrich(TRACK, NOW + minutes * MINUTE).event) for minutes in (0, 29, 58, 88, 100)
    ]
    assert sessions == [NOW, NOW, NOW, NOW + 88 * MINUTE, NOW + 88 * MINUTE]


def test_a_storage_that_works_again_is_used_again() -> None:
    storage = Failing({}, True)
    plugin = SessionPlugin(SessionSettings(), storage)
    plugin.enrich(TRACK, NOW)
    plugin.storage = working = dict[str, str]()
    assert session_of(plugin.enrich(TRACK, NOW + MINUTE).event) == NOW
    assert working == {
        "analytics_session_id": str(NOW),
        "analytics_session_id.last_access": str(NOW + MINUTE),
    }


def test_what_a_storage_did_not_take_is_forgotten_once_it_does() -> None:
    storage = Failing({}, True)
    plugin = SessionPlugin(SessionSettings(), storage)
    plugin.enrich(TRACK, NOW)
    plugin.storage = dict[str, str]()
    plugin.enrich(TRACK, NOW + MINUTE)
    plugin.storage = {"analytics_session_id": "5", "analytics_session_id.last_access": str(NOW - MINUTE)}
    assert session_of(plugin.enrich(TRACK, NOW - MINUTE).event) == 5, "the clock went back: the copy is older"


@pytest.mark.parametrize(
    ("timestamp", "begins"),
    [
        ("2023-11-14T22:13:19.750Z", NOW - 250),
        ("2023-11-14T22:13:19.750", NOW - 250),
        ("2023-11-14T23:13:19.750+01:00", NOW - 250),
        (NOW - 250, NOW - 250),
        ("2023-11-14T22:11:00Z", NOW),  # too old to date a session's start
        ("2023-11-14T22:14:00Z", NOW),
        ("yesterday", NOW),
        (None, NOW),
        (True, NOW),
    ],
)
def test_a_back_dated_first_event_begins_its_session_if_it_has_waited_a_moment_only(
    timestamp: object, begins: int
) -> None:
    plugin = SessionPlugin(SessionSettings(session_events=True), {})
    done = plugin.enrich({**TRACK, "timestamp": timestamp}, NOW)
    assert [one.timestamp for one in done.emitted] == [begins]
    assert session_of(done.event) == NOW, "the id is the time at which the page saw it"


def test_session_events_have_the_integrations_of_the_one_that_began_the_session() -> None:
    for given, wanted in ({}, {"session_id": NOW}), ({"Actions Amplitude": False}, False):
        plugin = SessionPlugin(SessionSettings(session_events=True), {})
        [started] = plugin.enrich({**TRACK, "integrations": given}, NOW).emitted
        assert started.integrations == {"Actions Amplitude": wanted}


def test_what_is_stored_later_elsewhere_counts_more_than_what_could_not_be_stored() -> None:
    plugin = SessionPlugin(SessionSettings(), Failing({}, True))
    plugin.enrich(TRACK, NOW)
    plugin.storage = {"analytics_session_id": "5", "analytics_session_id.last_access": str(NOW + 1)}
    assert session_of(plugin.enrich(TRACK, NOW + 2).event) == 5


def test_times_begin_with_the_first_moment_of_1970() -> None:
    plugin = SessionPlugin(SessionSettings(), Failing({}, True))
    assert session_of(plugin.enrich(TRACK, 0).event) == 0
    assert session_of(plugin.enrich(TRACK, 1).event) == 1, "a last access at 0 is as good as none"
    assert session_of(plugin.enrich(TRACK, 2).event) == 1


@pytest.mark.parametrize("timestamp", [NOW, 0])
def test_what_has_a_stamp_and_a_time_gets_the_stamp_of_now(timestamp: int) -> None:
    stamped = {**TRACK, "timestamp": timestamp, "integrations": {"Actions Amplitude": {"session_id": 5}}}
    assert session_of(SessionPlugin(SessionSettings(), {}).enrich(stamped, NOW).event) == NOW


def test_settings_go_to_the_rules_as_json_has_them() -> None:
    given = facts(TRACK, NOW, (None, None), SessionSettings(event_types=("track", "page")), False)
    assert given["settings"]["eventTypes"] == ["track", "page"]


def test_a_time_without_a_zone_is_utc_wherever_it_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    time.tzset()
    try:
        assert moment_of("2023-11-14T22:13:20") == NOW
    finally:
        monkeypatch.undo()
        time.tzset()


@pytest.mark.parametrize("now", [-1, 10**15, float("nan"), float("inf")])
def test_a_time_that_is_none_is_refused(now: float) -> None:
    with pytest.raises(ValueError, match="is no time in milliseconds"):
        SessionPlugin(SessionSettings(), {}).enrich(TRACK, now)
