"""What an edited subscription would change, on events that came."""

from collections.abc import Mapping, Sequence

import orjson
import pytest

from forwarder.amplitude import AmplitudeDestination
from forwarder.amplitude.actions.presets import presets
from forwarder.comparing.differences import How
from forwarder.spool import StoredEvent
from forwarder.trial.editing import MOST_CHARACTERS, Edited, as_edited, edit
from forwarder.trial.matching import look_at
from forwarder.trial.preset_difference import FieldDifference, difference_to_preset
from forwarder.trial.what_if import MOST_EXAMPLES, WhatIf, what_if
from forwarder.trial.work_budget import REST_S, SLICE_S, WorkBudget

KEYS = {"apiKey": "k" * 32, "secretKey": "s" * 32}
TRACK, ORDERS, PAGES, SCREENS, IDENTIFY, SESSIONS = presets()


def destination(*subscriptions: Mapping[str, object]) -> AmplitudeDestination:
    return AmplitudeDestination(KEYS, subscriptions, clock=lambda: 0)


def stored(seq: int, source: str = "web", **event: object) -> StoredEvent:
    said = {"type": "track", "event": "Seen", "userId": "user-1", "messageId": f"m-{seq}", **event}
    return StoredEvent(seq, 1_000 * seq, source, str(said["messageId"]), orjson.dumps(said))


def tried(
    edited: Edited, events: Sequence[StoredEvent], before: Sequence[Mapping[str, object]] = (TRACK, PAGES)
) -> WhatIf:
    after = [edited.subscription, *before[1:]]
    sides = (destination(*before), destination(*after))
    return what_if(*sides, 0, frozenset({"web"}), events, WorkBudget(60))


def track(trigger: str | None = None, *, is_on: bool = True, **fields: object) -> Edited:
    """Return the preset Track Calls edited; a field that is None is left out."""
    mapping = {**TRACK["mapping"], **fields}  # type: ignore[dict-item]
    text = orjson.dumps({name: value for name, value in mapping.items() if value is not None}).decode()
    return edit(TRACK, str(trigger or TRACK["subscribe"]), text, is_on=is_on)


def test_what_is_not_edited_changes_nothing() -> None:
    for given in (TRACK, ORDERS, PAGES, SCREENS, IDENTIFY):
        shown = as_edited(given)
        edited = edit(given, shown.trigger, shown.mapping, is_on=shown.is_on)
        assert edited.errors == ()
        assert edited.subscription == given == shown.subscription
    made = tried(track(), [stored(1), stored(2, type="page", name="Home")])
    assert (made.events, made.changed, made.examples) == (2, 0, [])
    assert (made.matched.before, made.matched.after) == (1, 1)


def test_a_changed_field_is_counted_with_an_example() -> None:
    events = [stored(seq, properties={"plan": seq}) for seq in range(1, 9)]
    made = tried(track(event_properties={"only": {"@path": "$.properties.plan"}}), events)
    rows = {row.field: row for row in made.comparison.summary()}
    assert set(rows) == {"event_properties.plan", "event_properties.only"}
    gone, new = rows["event_properties.plan"], rows["event_properties.only"]
    assert (gone.count, gone.how, gone.mapping) == (8, How.ONLY_SENT, "Track Calls")
    assert (new.count, new.how) == (8, How.ONLY_PLANNED)
    assert new.example is not None
    assert new.example.planned == 1
    assert (made.changed, len(made.examples)) == (8, MOST_EXAMPLES)
    assert (made.examples[0].message_id, made.examples[0].name) == ("m-1", "Seen")


def test_a_changed_trigger_says_what_is_no_longer_sent_and_what_is_sent_twice() -> None:
    events = [stored(1), stored(2, event="Order"), stored(3, type="page", name="Home"), stored(4, "app")]
    fewer = tried(track('event = "Order"'), events)
    assert (fewer.matched.before, fewer.matched.after, fewer.changed) == (2, 1, 1)
    [row] = fewer.comparison.summary()
    assert (row.field, row.how, row.count) == ("the whole event", How.ONLY_SENT, 1)
    more = tried(track('type = "track" or type = "page"'), events)
    assert (more.matched.after, more.changed) == (3, 1)
    said = {(row.mapping, row.field): row.how for row in more.comparison.summary()}
    assert said == {
        ("Track Calls", "the whole event"): How.ONLY_PLANNED,
        ("Page Calls", "insert_id"): How.CHANGED,  # of two items of one message each has its own
    }


def test_switched_off_nothing_of_it_is_sent() -> None:
    made = tried(track(is_on=False), [stored(1)])
    assert (made.matched.before, made.matched.after, made.changed) == (1, 0, 1)


def test_warnings_and_failures_that_a_change_brings_are_counted_once_an_event() -> None:
    made = tried(track(user_id="ab"), [stored(1), stored(2)])
    shift = made.shifted_warnings["short_id"]
    assert (shift.before, shift.after) == (0, 2)
    assert made.shifted_failures == {}
    made = tried(track(price={"@path": "$.userId"}), [stored(1), stored(2)])
    [(text, failures)] = made.shifted_failures.items()
    assert (failures.before, failures.after) == (0, 2)
    assert "price" in text


def test_fields_in_another_order_are_no_change() -> None:
    mapping = dict(reversed(TRACK["mapping"].items()))  # type: ignore[attr-defined]
    edited = edit(TRACK, str(TRACK["subscribe"]), orjson.dumps(mapping).decode(), is_on=True)
    assert tried(edited, [stored(1, properties={"a": 1})]).changed == 0


def test_work_ends_when_its_time_is_over_and_rests_meanwhile() -> None:
    now, rests = 0.0, []

    def sleep(seconds: float) -> None:
        nonlocal now
        rests.append(seconds)
        now += seconds

    budget = WorkBudget(10 * SLICE_S, lambda: now, sleep)
    done = 0
    for _ in budget.within(range(1_000)):
        done += 1
        now += SLICE_S / 2
    assert budget.is_spent
    assert 10 < done < 20
    assert set(rests) == {REST_S}
    spent = WorkBudget(0, lambda: now, sleep)
    assert list(spent.within([1, 2])) == [1]
    assert spent.is_spent
    short = WorkBudget(1, lambda: now, sleep)
    assert list(short.within([1, 2])) == [1, 2]
    assert not short.is_spent


def test_a_look_counts_matches_warnings_and_what_nobody_wants() -> None:
    events = [
        stored(1),
        stored(2, userId="ab"),
        stored(3, type="alias"),
        stored(4, "app"),
        stored(5, integrations={"All": False}),
    ]
    looked = look_at(destination(TRACK, PAGES), frozenset({"web"}), events, WorkBudget(60))
    assert (looked.events, looked.unmatched, looked.since, looked.until) == (5, 1, 1_000, 5_000)
    assert sorted(looked.skipped.values()) == [1, 1]
    first, second = looked.subscriptions
    assert (first.events, second.events) == (2, 0)
    assert first.warnings == {"short_id": 1, "no_id": 1}


@pytest.mark.parametrize(
    ("trigger", "mapping", "said"),
    [
        ('event = "x', '{"event_type": "x"}', ("subscribe: ", "character")),
        ("", '{"event_type": "x"}', ("subscribe: ",)),
        (
            'type = "track"',
            '{"event_type": "x",\n "a": }',
            ("mapping: line 2, column 7 is not JSON: expect",),
        ),
        ('type = "track"', "[]", ("mapping: must be an object of the action's fields",)),
        ('type = "track"', '{"a": 1, "a": 2}', ("mapping: 'a' stands twice",)),
        ('type = "track"', '{"price": NaN}', ("mapping: NaN is no JSON",)),
        ('type = "track"', "[" * 5_000, ("mapping: is nested too deeply",)),
        ('type = "track"', " " * (MOST_CHARACTERS + 1), ("mapping: has 100,001 characters",)),
        ('type = "track"', '{"event_type": {"@no": 1}}', ("mapping.event_type", "@no")),
        ('type = "track"', "{}", ("mapping.event_type: is missing",)),
        ('type = "track"', '{"event_type": "x", "price": {"@path": 1}}', ("mapping.price",)),
    ],
)
def test_a_mistake_is_one_line_that_names_its_field(
    trigger: str, mapping: str, said: tuple[str, ...]
) -> None:
    edited = edit(TRACK, trigger, mapping, is_on=True)
    assert any(all(part in line for part in said) for line in edited.errors), edited.errors
    assert not any("\n" in line for line in edited.errors)
    assert (edited.mapping, edited.trigger) == (mapping, trigger.strip())


def test_a_doubt_is_told_and_the_change_is_tried_all_the_same() -> None:
    edited = track('type = "track" AND event = "x"', pirce=1)
    assert edited.errors == ()
    assert any("'AND'" in line for line in edited.warnings)
    assert any("mapping.pirce" in line and "did you mean price?" in line for line in edited.warnings)


def test_what_is_exported_is_the_edited_subscription_with_its_id() -> None:
    given = {**TRACK, "id": "abc", "name": "Ours"}
    shown = as_edited(given)
    edited = edit(given, 'type = "track"\r\n and event = "Order"', shown.mapping, is_on=True)
    exported = orjson.loads(edited.exported)
    assert exported == {**given, "subscribe": 'type = "track" and event = "Order"'}


def test_a_subscription_is_compared_with_the_preset_it_began_as() -> None:
    for one in (TRACK, ORDERS, PAGES, SCREENS, IDENTIFY, SESSIONS):
        difference = difference_to_preset(one)
        assert difference is not None
        assert (difference.preset, difference.fields) == (one["name"], ())
    changed = difference_to_preset(
        {"preset": "Track Calls", "mapping": {"app_version": "1.2", "price": None}}
    )
    assert changed is not None
    assert {one.field for one in changed.fields} == {"app_version", "price"}
    renamed = difference_to_preset({**PAGES, "name": "Ours", "subscribe": 'type = "page" and name = "Home"'})
    assert renamed is not None
    assert renamed.preset == "Page Calls"
    page = 'type = "page"'
    assert renamed.fields == (FieldDifference("trigger", page, f'{page} and name = "Home"'),)
    assert difference_to_preset({"partnerAction": "mapUser", "subscribe": 'type = "alias"'}) is None
    flag = difference_to_preset({**TRACK, "mapping": {**TRACK["mapping"], "trackRevenuePerProduct": 0}})  # type: ignore[dict-item]
    assert flag is not None
    assert [one.field for one in flag.fields] == ["trackRevenuePerProduct"]
