"""Batches: what goes into one, which goes first, how many are under way; and what waits in memory."""

import pytest

from forwarder.amplitude.wire.endpoints import Endpoint
from forwarder.amplitude.wire.items import Item
from forwarder.amplitude.wire.limits import BOUNDS
from forwarder.amplitude.wire.requests import ENVELOPE_BYTES
from forwarder.delivery.scheduler.batch import Batch
from forwarder.delivery.scheduler.batching import Batching
from forwarder.delivery.scheduler.delay_queue import DelayQueue
from forwarder.delivery.scheduler.job import Job
from forwarder.delivery.scheduler.settings import MAX_WINDOW_BYTES
from forwarder.delivery.scheduler.window import Window
from tests.support.simulation.lines import NOW, event

MOST = BOUNDS[Endpoint.HTTPAPI].items


def item(data: bytes = b"{}", endpoint: Endpoint = Endpoint.HTTPAPI, ids: float | None = None) -> Item:
    return Item(endpoint, {}, ids, data=data)


def job(seq: int, *items: Item, level: int = 0, size: int = 0) -> Job:
    one = Job(event(seq), list(items or (item(),)), (f"u{seq}",), size=size)
    if level:
        one.retry_state().split_level = level
    return one


# -- one batch


@pytest.mark.parametrize(
    ("level", "most", "holds"), [(0, 2000, min(MOST, 2000)), (0, 7, 7), (1, 10**6, MOST // 2), (30, 7, 1)]
)
def test_a_batch_holds_so_many_items(level: int, most: int, holds: int) -> None:
    batch = Batch(item(ids=3), level, most)
    assert (batch.endpoint, batch.min_id_length, batch.split_level) == (Endpoint.HTTPAPI, 3, level)
    assert (batch.max_items, batch.full, batch.items, batch.jobs, batch.due_at) == (holds, False, [], [], 0)
    for _ in range(holds - 1):
        batch.add(item())
    assert (batch.full, batch.fits(item())) == (False, True)
    batch.add(item())
    assert (batch.full, batch.fits(item())) == (True, False)


@pytest.mark.parametrize(("endpoint", "weight"), [(Endpoint.HTTPAPI, 1), (Endpoint.IDENTIFY, 3)])
def test_a_batch_holds_so_many_bytes(endpoint: Endpoint, weight: int) -> None:
    room = BOUNDS[endpoint].bytes - ENVELOPE_BYTES
    batch = Batch(item(endpoint=endpoint), 0, 2000)
    assert batch.fits(item(b"x" * (room + 1), endpoint)), "an empty one takes anything"
    batch.add(item(b"x" * 9, endpoint))
    left = room - 10 * weight
    assert batch.fits(item(b"x" * (left // weight - 1), endpoint))
    assert not batch.fits(item(b"x" * (left // weight), endpoint))


@pytest.mark.parametrize("items", [1, 2, 3, 4, 5, 100, 1024])
@pytest.mark.parametrize("endpoint", [Endpoint.HTTPAPI, Endpoint.IDENTIFY])
def test_a_batch_is_halved_until_an_item_stands_alone(items: int, endpoint: Endpoint) -> None:
    batch = Batch(item(endpoint=endpoint), 0, 10**6)
    for _ in range(items):
        batch.add(item(endpoint=endpoint))
    level, most = batch.next_split_level(), BOUNDS[endpoint].items
    half = max(1, items // 2)
    assert most >> level <= half < most >> (level - 1)
    halved = Batch(item(endpoint=endpoint), level, 10**6)
    assert halved.max_items <= half


def test_who_was_halved_is_halved_no_less() -> None:
    batch = Batch(item(), 5, 10**6)
    for _ in range(MOST):
        batch.add(item())
    assert batch.next_split_level() == 5


# -- all batches of a destination


def put(batches: Batching, one: Job, due_at: int = NOW) -> Batch:
    batch = batches.find_open(one) or batches.open_for(one)
    assert batches.add(batch, one, due_at)
    return batch


def test_what_shares_a_batch_is_of_one_kind() -> None:
    batches = Batching(2000, 4)
    assert batches.find_open(job(1)) is None
    first = put(batches, job(1))
    assert batches.find_open(job(2)) is first
    for other in (
        job(3, item(endpoint=Endpoint.IDENTIFY)),
        job(4, item(ids=1)),
        job(5, level=1),
    ):
        assert batches.find_open(other) is None
        assert put(batches, other) is not first
    assert batches.find_open(job(6, item(b"x" * BOUNDS[Endpoint.HTTPAPI].bytes))) is None, "it does not fit"
    done = job(7, item(endpoint=Endpoint.IDENTIFY), item())
    done.items[0].done = True
    assert batches.find_open(done) is first, "its next item counts"


def test_where_a_new_batch_is_opened_the_one_before_goes_as_it_is() -> None:
    batches = Batching(2000, 4)
    first = put(batches, job(1), NOW + 9)
    large = job(2, item(b"x" * BOUNDS[Endpoint.HTTPAPI].bytes))
    second = put(batches, large, NOW + 5)
    assert first.full
    assert batches.next(NOW, 0, alone=False) is first
    assert batches.next(NOW, 0, alone=False) is None
    assert batches.next(NOW + 5, 0, alone=False) is second


def test_an_events_items_go_together_as_far_as_they_may() -> None:
    batches = Batching(3, 4)
    whole = job(1, item(), item())
    batch = batches.open_for(whole)
    assert batches.add(batch, whole, NOW)
    assert (whole.placed, len(batch.items), batch.jobs) == (2, 2, [whole])
    for second in (item(endpoint=Endpoint.IDENTIFY), item(ids=9), Item(Endpoint.HTTPAPI, {}, None, True)):
        second.data = b"{}"
        parted = job(2, item(), second)
        batch = batches.open_for(parted)
        assert not batches.add(batch, parted, NOW)
        assert (parted.placed, len(batch.items)) == (1, 1)
    full = job(3, item(), item(), item(), item())
    batch = batches.open_for(full)
    assert not batches.add(batch, full, NOW)
    assert (full.placed, batch.full) == (3, True)
    assert batches.find_open(job(4)) is None
    done = job(5, item(), item(), item())
    done.items[0].done = done.items[2].done = True
    batch = batches.open_for(done)
    assert batches.add(batch, done, NOW)
    assert batch.items == [done.items[1]]


def test_a_batch_is_due_with_its_first_event() -> None:
    batches = Batching(2000, 4)
    batch = put(batches, job(1), NOW + 9)
    assert batch.due_at == NOW + 9
    put(batches, job(2), NOW + 20)
    assert batch.due_at == NOW + 9
    put(batches, job(3), NOW + 5)
    assert (batch.due_at, batches.due_at(alone=False)) == (NOW + 5, NOW + 5)
    assert batches.next(NOW + 4, 0, alone=False) is None
    assert batches.next(NOW + 5, 1, alone=False) is None, "more is at hand"
    assert not batches.idle
    assert batches.next(NOW + 5, 0, alone=False) is batch
    assert batch.full
    assert (batches.due_at(alone=False), batches.under_way, batches.idle) == (None, 1, False)
    assert batches.find_open(job(4)) is None
    batches.complete(batch)
    assert (batches.under_way, batches.idle) == (0, True)


def test_the_batch_that_is_due_longest_goes_first() -> None:
    batches = Batching(1, 4)
    late, early = put(batches, job(1), NOW - 1), put(batches, job(2), NOW - 9)
    filling = put(Batching(2, 4), job(3), NOW - 5)
    batches._open[Endpoint.HTTPAPI, None, 0] = filling
    assert [batches.next(NOW, 0, alone=False) for _ in range(4)] == [filling, late, early, None]
    assert batches.due_at(alone=False) is None


def test_so_many_are_under_way_and_no_more() -> None:
    batches = Batching(1, 3)
    for seq in range(1, 6):
        put(batches, job(seq))
    sent = [batches.next(NOW, 0, alone=False) for _ in range(4)]
    assert sent[3] is None
    assert batches.under_way == 3
    assert batches.due_at(alone=False) is None, "an answer comes first"
    assert sent[0] is not None
    batches.complete(sent[0])
    assert batches.due_at(alone=True) is None, "only one may be under way"
    assert batches.next(NOW, 0, alone=True) is None
    assert batches.due_at(alone=False) == 0
    assert batches.next(NOW, 0, alone=False) is not None


def test_of_those_under_way_half_may_be_doubtful() -> None:
    batches = Batching(1, 4)
    for seq in range(1, 5):
        put(batches, job(seq, level=1))
    put(batches, job(5))
    sent = [one for _ in range(5) if (one := batches.next(NOW, 0, alone=False))]
    assert [one.split_level for one in sent] == [0, 1, 1]
    assert batches.due_at(alone=False) is None
    sound, doubtful, other = sent
    batches.complete(sound)
    assert batches.next(NOW, 0, alone=False) is None, "an answer to a sound one makes no room for them"
    batches.complete(doubtful)
    again = batches.next(NOW, 0, alone=False)
    assert again is not None
    assert again.split_level == 1
    batches.complete(other)
    batches.complete(again)
    assert batches.next(NOW, 0, alone=True) is not None, "one of them may go alone"


@pytest.mark.parametrize("at_once", [1, 2, 3])
def test_where_few_are_under_way_one_of_them_may_be_doubtful(at_once: int) -> None:
    batches = Batching(1, at_once)
    for seq in range(3):
        put(batches, job(seq, level=1))
    assert batches.next(NOW, 0, alone=False) is not None
    assert batches.next(NOW, 0, alone=False) is None


def test_a_full_batch_may_go_at_once_and_an_open_one_only_where_others_may_be_under_way() -> None:
    batches = Batching(1, 4)
    put(batches, job(1))
    assert batches.due_at(alone=True) == 0
    assert batches.next(NOW, 0, alone=True) is not None
    batches._most_events = 2
    put(batches, job(2))
    assert (batches.due_at(alone=True), batches.due_at(alone=False)) == (None, NOW)


def test_a_job_is_in_a_batch_until_it_is_answered() -> None:
    batches = Batching(1, 1)
    first, second, third = job(1), job(2, level=1), job(3)
    assert first not in batches
    for one in (first, second):
        put(batches, one)
    third_in = Batching(2, 1)
    put(third_in, third)
    assert first in batches
    assert second in batches
    assert third in third_in
    assert third not in batches
    batch = batches.next(NOW, 0, alone=False)
    assert batch is not None
    assert batch.jobs[0] in batches, "under way, too"
    batches.complete(batch)
    assert batch.jobs[0] not in batches


# -- what waits in memory


def delayed(*ready_at: int) -> tuple[DelayQueue, list[Job]]:
    queue, jobs = DelayQueue(), [job(seq) for seq in range(1, len(ready_at) + 1)]
    for one, at in zip(jobs, ready_at, strict=True):
        one.retry_state().ready_at = at
        queue.add(one)
    return queue, jobs


def test_jobs_come_out_when_they_are_ready_in_order_of_time_then_of_acceptance() -> None:
    queue, (a, b, c, d) = delayed(NOW + 5, NOW + 2, NOW + 5, NOW + 9)
    assert queue.next_at == NOW + 2
    assert list(queue.due(NOW + 1)) == []
    assert list(queue.due(NOW + 5)) == [b, a, c]
    assert queue.next_at == NOW + 9
    assert list(queue.due(NOW + 9)) == [d]
    assert queue.next_at is None


def test_those_that_wait_longest_make_room_first() -> None:
    queue, (_, b, c, d) = delayed(NOW, NOW + 2, NOW + 5, NOW + 1)
    assert queue.longest_first(NOW) == [c, b, d]
    queue.keep([b, d])
    assert list(queue.due(NOW + 9)) == [d, b]


def test_a_window_counts_jobs_that_are_new_and_bytes_of_all() -> None:
    window = Window(2)
    first, second, back = job(1, size=5), job(2, size=5), job(3, size=MAX_WINDOW_BYTES - 11)
    assert (window.first, len(window), window.room, window.new) == (None, 0, 2, [])
    window.add(first, new=True)
    window.add(second, new=True)
    assert (window.first, len(window), window.room, window.new) == (first, 2, 0, [first, second])
    window.add(back, new=False)
    assert (len(window), window.full) == (2, False)
    assert not window.filled_by(0)
    assert window.filled_by(1)
    assert first in window
    assert back not in window
    assert 1 not in window
    window.add(job(4, size=1), new=False)
    assert (window.full, window.room) == (True, 0)
    assert window.remove(first)
    assert (window.filled_by(4), window.filled_by(5)) == (False, True)
    assert not window.remove(back)
    assert (window.full, window.room, window.first) == (False, 1, second)


@pytest.mark.parametrize(("jobs", "over"), [(2, False), (3, True)])
def test_over_a_quarter_of_the_window_what_waits_had_better_do_so_on_disk(jobs: int, over: bool) -> None:
    window = Window(8)
    for seq in range(jobs):
        window.add(job(seq), new=True)
    assert window.over_park_threshold is over
