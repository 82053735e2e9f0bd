"""What an event of the spool becomes: items and keys, or a reason."""

import json
from itertools import product

import msgspec
import orjson
import pytest

from browser_plugin.destinations import may_receive
from forwarder.amplitude import AmplitudeDestination
from forwarder.amplitude.wire.endpoints import Endpoint
from forwarder.amplitude.wire.items import Item
from forwarder.amplitude.wire.writing import write
from forwarder.delivery.faults import Faults
from forwarder.delivery.scheduler.planning import JobPlanner, plan_job, why_skipped
from forwarder.errors import ForwarderError, MappingError, PayloadError
from forwarder.spool import StoredEvent
from forwarder.spool.suppression import FOR_EVER, NOBODY, Suppression, marks_for
from tests.support.simulation.planner import Planner

NOW = 1_790_000_000_000


def event(**more: object) -> StoredEvent:
    body = {"m": "m1", "u": "u1", "d": None, "kind": "track", **more}
    return StoredEvent(1, NOW, "demo", "m1", orjson.dumps(body))


@pytest.mark.parametrize(
    ("integrations", "filtered"),
    [
        (None, ""),
        ({"All": True}, ""),
        ({"All": False}, "excluded by integrations"),
        ({"All": False, "Actions Amplitude": {"session_id": 1}}, ""),
        ({"Actions Amplitude": False}, "excluded by integrations"),
        ({"Amplitude (Actions)": False}, "excluded by integrations"),
        ({"Actions Amplitude": {"session_id": 1}}, ""),
        ({"All": False, "Amplitude (Actions)": True}, ""),
        ({"All": False, "Amplitude (Actions)": {}}, ""),
        ({"All": False, "Actions Amplitude": None}, "excluded by integrations"),
        ({"Amplitude (Actions)": False, "Actions Amplitude": {"session_id": 1}}, "excluded by integrations"),
        ({"Amplitude (Actions)": True, "Actions Amplitude": False}, "excluded by integrations"),
        ({"All": True, "Amplitude (Actions)": False}, "excluded by integrations"),
        ("broken", ""),
    ],
)
def test_an_event_may_exclude_the_destination(integrations: object, filtered: str) -> None:
    work, why = plan_job(event(integrations=integrations), Planner(), None)
    assert why == filtered
    assert bool(work.items) is not bool(filtered)


def test_events_of_other_sources_are_filtered() -> None:
    _, why = plan_job(event(), Planner(), frozenset({"other"}))
    assert why == "source not routed here"


def test_users_and_devices_are_the_keys() -> None:
    assert plan_job(event(d="d1"), Planner(), None)[0].keys == ("uu1", "dd1")
    assert plan_job(event(kind="group"), Planner(), None)[0].keys == ("uu1",)
    assert plan_job(event(u=None), Planner(), None)[0].keys == ("#1",), "it waits for nobody"
    assert plan_job(event(u="a\nb"), Planner(), None)[0].keys == ("ua b",), "as the spool gives it back"


def test_a_user_mapping_is_ordered_with_both_users() -> None:
    subscriptions = [
        {
            "subscribe": 'type = "alias"',
            "partnerAction": "mapUser",
            "mapping": {"user_id": {"@path": "$.previousId"}, "global_user_id": {"@path": "$.userId"}},
        }
    ]
    destination = AmplitudeDestination({"apiKey": "k", "secretKey": "s"}, subscriptions)
    body = {"type": "alias", "userId": "user-whole", "previousId": "user-before", "messageId": "m"}
    work, _ = plan_job(StoredEvent(1, NOW, "demo", "m", orjson.dumps(body)), destination, None)
    assert set(work.keys) == {"uuser-whole", "uuser-before"}


@pytest.mark.parametrize("number", [b"1e999", b"-1e999", b"9" * 400, b"9" * 10_000, b"1" * 400 + b".5"])
def test_a_number_that_no_double_holds_is_null(number: bytes) -> None:
    body = b'{"m":"m1","u":"u1","d":null,"kind":"track","p":[%b,1]}' % number
    work, why = plan_job(StoredEvent(1, NOW, "demo", "m1", body), Planner(), None)
    assert (len(work.items), why, work.retry) == (1, "", None)


@pytest.mark.parametrize(
    ("body", "error"),
    [(b"{broken", "JSONDecodeError"), (b'{"m":1,"u":1,"d":1,"kind":"crash"}', "ZeroDivisionError")],
)
def test_whatever_goes_wrong_ends_in_a_reason(body: bytes, error: str) -> None:
    work, filtered = plan_job(StoredEvent(1, NOW, "demo", "m1", body), Planner(), None)
    assert (work.items, work.reason, filtered) == ([], "cannot be planned", "")
    assert work.retry_state().errors[0].startswith(error)
    dead = work.dead()
    assert (dead.reason, error in dead.detail.decode()) == ("cannot be planned", True)


def test_what_is_wrong_with_one_subscription_does_not_keep_the_others() -> None:
    work, _ = plan_job(event(kind="poor"), Planner(), None)
    assert (len(work.items), work.reason) == (1, "invalid fields")


@pytest.mark.parametrize(("revenue", "sent"), [(1e300, 1e300), (10**30, 1e30), ("\ud83d", "\ufffd")])
def test_what_the_quick_writer_refuses_is_written_all_the_same(revenue: object, sent: object) -> None:
    item = Item(Endpoint.HTTPAPI, {"revenue": revenue})
    write(item)
    assert json.loads(item.data) == {"revenue": sent}


def deleted(*users: str, upto: int = 1, until: int = 0, destination: str = "") -> Suppression:
    marks = marks_for(users, [destination], until)
    return Suppression([mark._replace(upto=upto) for mark in marks], "one")


def fate(one: StoredEvent, suppression: Suppression) -> str:
    work, why = plan_job(one, Planner(), None, suppression)
    assert bool(work.items) is not bool(why)
    return why


def test_events_of_deleted_users_are_filtered() -> None:
    for suppression in (deleted("u1"), deleted("u0", "u1"), deleted("u1", destination="one")):
        assert fate(event(), suppression) == "user deleted", "as the mapping has it"
    assert fate(event(u="u2", userId="u1"), deleted("u1")) == "user deleted", "as the event has it"
    assert fate(event(u="u2", userId=17), deleted("17")) == "user deleted"
    assert fate(event(u="a\nb"), deleted("a\nb")) == "user deleted"
    assert fate(event(), deleted("u1", destination="two")) == ""
    assert fate(event(u="u2", d="u1"), deleted("u1")) == "", "a device is no user"
    named: tuple[object, ...] = (None, True, "", 1.5, [], {})
    for nobody in named:
        assert fate(event(u="u2", userId=nobody), deleted("None", "True", "", "1.5", "[]", "{}")) == ""


def test_a_mark_covers_what_came_before_and_later_ones_until_its_end() -> None:
    later = msgspec.structs.replace(event(), seq=2)
    assert fate(later, deleted("u1", upto=1)) == ""
    assert fate(later, deleted("u1", upto=1, until=NOW + 1)) == "user deleted"
    assert fate(later, deleted("u1", upto=1, until=NOW)) == ""
    assert fate(later, deleted("u1", upto=1, until=FOR_EVER)) == "user deleted"


def test_what_was_removed_is_filtered_also_where_its_source_goes_elsewhere() -> None:
    removed = StoredEvent(1, NOW, "demo", "m1", b"")
    assert plan_job(removed, Planner(), frozenset({"other"}))[1] == "user deleted"


def test_a_destination_whose_subscriptions_are_all_off_says_so() -> None:
    off = {"subscribe": 'type = "track"', "partnerAction": "logEventV2", "mapping": {}, "enabled": False}
    track = event(type="track", event="Seen", userId="user-1", messageId="m1")
    for subscriptions, reason in (
        ([off], "no subscription is on"),
        ([], "no subscription is on"),
        ([off, {**off, "enabled": True, "subscribe": 'type = "page"'}], "no trigger matched"),
    ):
        destination = AmplitudeDestination({"apiKey": "k", "secretKey": "s"}, subscriptions)
        assert plan_job(track, destination, None)[1] == reason


BODY_SIZE = len(event().body)


@pytest.mark.parametrize(
    ("one", "sources", "suppression", "why"),
    [
        (event(), frozenset({"other"}), NOBODY, "source not routed here"),
        (event(userId="u1"), None, deleted("u1"), "user deleted"),
        (event(), None, deleted("u1"), "user deleted"),
        (event(integrations={"All": False}), None, NOBODY, "excluded by integrations"),
        (event(kind="filtered"), None, NOBODY, "no trigger matched"),
    ],
)
def test_a_filtered_event_waits_for_nobody_and_needs_its_bytes(
    one: StoredEvent, sources: frozenset[str] | None, suppression: Suppression, why: str
) -> None:
    job, reason = plan_job(one, Planner(), sources, suppression)
    assert (job.event, job.items, job.done, reason) == (one, [], True, why)
    assert job.size == len(one.body)
    assert job.keys == (("#1",) if why == "no trigger matched" else ())


def test_what_cannot_be_planned_is_kept_with_its_bytes() -> None:
    one = StoredEvent(1, NOW, "demo", "m1", b"{broken")
    job, _ = plan_job(one, Planner(), None)
    assert (job.event, job.keys, job.size) == (one, (), 7)


def test_a_job_needs_the_bytes_of_its_event_and_of_all_that_is_written() -> None:
    job, _ = plan_job(event(kind="both"), Planner(), None)
    assert job.size == len(event(kind="both").body) + sum(len(item.data) for item in job.items)


def test_what_is_given_up_is_not_planned_again() -> None:
    faults, one = Faults(), event()
    planner = JobPlanner(Planner(), frozenset({"demo"}), NOBODY, faults)
    for _ in range(2):
        job, why = planner.plan(one)
        assert (len(job.items), why) == (1, "")
        faults.note_events([1], "KeyError at x.py:1")
    job, why = planner.plan(one)
    assert (job.event, job.items, job.keys, job.size, why) == (one, [], (), BODY_SIZE, "")


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (PayloadError({"$.time": "is no time"}), "invalid fields"),
        (MappingError("no"), "mapping failed"),
        (ForwarderError("no"), "cannot be planned"),
    ],
)
def test_what_is_wrong_with_an_event_is_its_reason(
    error: ForwarderError, reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Planner, "items", lambda *_: ([], [error, MappingError("more")]))
    job, why = plan_job(event(), Planner(), None)
    assert job.retry is not None
    assert (job.reason, job.retry.errors, why) == (reason, [str(error), "more"], "")


@pytest.mark.parametrize(
    ("source", "integrations", "sources", "why"),
    [
        ("demo", None, None, ""),
        ("demo", None, frozenset({"demo"}), ""),
        ("demo", None, frozenset({"other"}), "source not routed here"),
        ("demo", {"All": False}, None, "excluded by integrations"),
        ("demo", {"All": True}, None, ""),
        ("demo", {}, None, ""),
    ],
)
def test_why_a_destination_gets_nothing_whatever_its_mappings_say(
    source: str, integrations: object, sources: frozenset[str] | None, why: str
) -> None:
    assert why_skipped(source, integrations, sources) == why


def test_what_excludes_the_destination_is_the_one_rule_for_it() -> None:
    """Most integrations are not looked at closely; all that may matter are, and other kinds of values."""
    values: tuple[object, ...] = (False, True, None, 0, 1, "", {}, {"session_id": 1})
    names = ("All", "Actions Amplitude", "Amplitude (Actions)")
    made: list[object] = [dict(zip(names, some, strict=True)) for some in product(values, repeat=3)]
    excluded = 0
    for integrations in [*made, "text", [False], 7]:
        why = why_skipped("demo", integrations, None)
        assert (why != "") is not may_receive(integrations), integrations
        excluded += why != ""
    assert 100 < excluded < len(made)


def test_users_of_deletions_and_mappings_are_keys_too(monkeypatch: pytest.MonkeyPatch) -> None:
    items = [
        Item(Endpoint.HTTPAPI, {"user_id": "a", "global_user_id": "no key of an event", "user_ids": ["x"]}),
        Item(Endpoint.DELETIONS, {"user_ids": ["b", "c"]}),
        Item(Endpoint.USERMAP, {"user_id": "a", "global_user_id": "d"}),
        Item(Endpoint.IDENTIFY, {"device_id": 5, "user_ids": "no list"}),
    ]
    monkeypatch.setattr(Planner, "items", lambda *_: (items, []))
    assert plan_job(event(), Planner(), None)[0].keys == ("ua", "ub", "uc", "ud", "d5")
