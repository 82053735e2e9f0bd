"""Sessions that events bring themselves, in each library's own place."""

import json
from typing import Any

import msgspec
import pytest

from forwarder.ingest.event import read_event
from forwarder.ingest.normalization import normalize
from forwarder.sessions.facts import PAGE, SERVER, SessionRules
from forwarder.spool import NewEvent
from tests.support.normalizing import RECEIVED, TRACK, arrival, kept

SESSION = 1_795_669_200_000
NO_SESSIONS: tuple[object, ...] = (0, -1, "", "abc", True, 1.5, None, [], {}, 2**60, "9" * 40)
STAMP = {"Actions Amplitude": {"session_id": SESSION}}


@pytest.mark.parametrize(
    ("integrations", "kept_integrations"),
    [
        (None, STAMP),
        ({}, STAMP),
        ([], STAMP),
        ({"All": True}, {"All": True, **STAMP}),
        ({"Actions Amplitude": True}, STAMP),
        ({"Actions Amplitude": {"x": 1}}, {"Actions Amplitude": {"x": 1, "session_id": SESSION}}),
        (
            {"Amplitude (Actions)": {"x": 1}},
            {"Amplitude (Actions)": {"x": 1}, "Actions Amplitude": {"x": 1, "session_id": SESSION}},
        ),
        ({"All": False, "Amplitude (Actions)": True}, {"All": False, "Amplitude (Actions)": True, **STAMP}),
        *(
            (same, same)
            for same in (
                {"All": False},
                {"Actions Amplitude": False},
                {"Amplitude (Actions)": False, "All": True},
                {"Actions Amplitude": {"session_id": 5}},
                {"Actions Amplitude": {"session_id": None}},
                {"Amplitude (Actions)": {"session_id": -1}},
            )
        ),
    ],
)
def test_rudderstacks_session_is_the_session(integrations: object, kept_integrations: object) -> None:
    event = {**TRACK, "context": {"sessionId": SESSION, "sessionStart": True}}
    if integrations is not None:
        event["integrations"] = integrations
    assert kept(event).get("integrations") == kept_integrations


def test_rudderstacks_session_is_the_session_also_where_integrations_are_null() -> None:
    event = {**TRACK, "context": {"sessionId": SESSION}, "integrations": None}
    assert kept(event)["integrations"] == STAMP


@pytest.mark.parametrize(
    ("said", "read"),
    [
        (SESSION, SESSION),
        (str(SESSION), SESSION),
        (1_795_669_200, SESSION),  # seconds, from its mobile libraries
        (12_345_678_901, 12_345_678_901),  # an app's own
        (1, 1),
        (2**53 - 1, 2**53 - 1),
        (str(2**53 - 1), 2**53 - 1),
        (2**53, None),
        ("00000000000000005", None),
        *((no, None) for no in NO_SESSIONS),
    ],
)
def test_what_a_session_id_means(said: object, read: int | None) -> None:
    event = kept({**TRACK, "context": {"sessionId": said}})
    assert event.get("integrations", {}).get("Actions Amplitude", {}).get("session_id") == read


def test_the_batchs_session_counts_for_its_events() -> None:
    event = kept(TRACK, context={"sessionId": msgspec.Raw(b"1795669200000")})
    assert event["integrations"] == STAMP


@pytest.mark.parametrize("said", [{}, {"timestamp": "never"}, {"timestamp": "1960-01-01T00:00:00Z"}])
@pytest.mark.parametrize(("from_page", "kind"), [(True, PAGE), (False, SERVER)])
def test_what_session_rules_are_told_of_an_event_without_a_time(
    said: dict[str, Any], from_page: bool, kind: int
) -> None:
    given = arrival(session=SessionRules(source="web"), from_page=from_page)
    done = normalize(read_event(json.dumps({**TRACK, "anonymousId": "a", **said}).encode()), given)
    assert isinstance(done, NewEvent)
    assert done.session is not None
    assert (done.session.time, done.session.kind) == (RECEIVED, kind)
