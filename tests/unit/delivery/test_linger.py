"""How long a batch waits, by how densely events come."""

from forwarder.delivery.scheduler.linger import (
    DENSE_EVENTS,
    DENSE_FACTOR,
    REQUEUED_FACTOR,
    SPAN_MS,
    LingerPolicy,
)

NOW = 1_790_000_000_000


def test_where_few_come_a_batch_waits_from_when_its_event_was_accepted() -> None:
    flow = LingerPolicy(50)
    flow.record_arrivals(DENSE_EVENTS - 1, NOW)
    assert flow.due_at(NOW, NOW) == NOW + 50
    assert flow.due_at(NOW - 30, NOW) == NOW + 20
    assert flow.due_at(NOW - 5_000, NOW) == NOW, "it has waited long enough"
    assert flow.due_at(NOW + 9_000, NOW) == NOW + 50, "the clock went back"


def test_where_many_come_it_waits_longer() -> None:
    flow = LingerPolicy(50)
    flow.record_arrivals(DENSE_EVENTS - 1, NOW)
    flow.record_arrivals(1, NOW + 1)
    assert flow.due_at(NOW + 1, NOW + 1) == NOW + 1 + DENSE_FACTOR * 50
    assert flow.due_at(NOW - 5_000, NOW + 1) == NOW + 1 + REQUEUED_FACTOR * 50, (
        "so that no full request is torn apart"
    )


def test_only_what_came_lately_counts() -> None:
    flow = LingerPolicy(50)
    flow.record_arrivals(DENSE_EVENTS, NOW)
    flow.record_arrivals(1, NOW + SPAN_MS - 1)
    assert flow.due_at(NOW, NOW) > NOW + 50
    flow.record_arrivals(1, NOW + SPAN_MS)
    assert flow.due_at(NOW + SPAN_MS, NOW + SPAN_MS) == NOW + SPAN_MS + 50


def test_one_who_does_not_want_to_wait_does_not() -> None:
    flow = LingerPolicy(0)
    flow.record_arrivals(DENSE_EVENTS, NOW)
    assert flow.due_at(NOW, NOW) == NOW
