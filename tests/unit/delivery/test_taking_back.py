"""Events come back from parking with their past, or anew where an operator sent them; slices of time end."""

import time

import pytest

from forwarder.delivery import clock
from forwarder.delivery.clock import SLICE_BYTES, Slice
from forwarder.delivery.scheduler.job import Job
from forwarder.delivery.scheduler.parking import REDRIVEN, Parking
from forwarder.spool import MessageGroup, Parked
from tests.support.simulation.lines import NOW, event, line


@pytest.mark.parametrize(("group", "tries"), [("u1", 3), (REDRIVEN, 0)])
def test_a_parked_event_has_its_past_unless_an_operator_sent_it_again(group: str, tries: int) -> None:
    one = line()
    past = Job(event(1, "u1"), [], ())
    past.retry_state().tries = 3
    past.retry_state().uncertain_since = NOW - 5
    keys = frozenset() if group == REDRIVEN else frozenset({"u1"})
    one.resume([MessageGroup(group, keys, 1)], set())
    while (due := one.loader.load(NOW)) and due[0] != group:
        one.loader.loaded(due[0], [], NOW)
    assert due is not None
    one.loader.loaded(group, [Parked(event(1, "u1"), group, tuple(keys), past.state())], NOW)
    [batch] = one.due(NOW, False)
    [job] = batch.jobs
    assert job.retry is not None
    assert (job.retry.tries, job.retry.uncertain_since) == (tries, NOW - 5)


def test_a_group_keeps_its_keys_and_takes_in_those_of_what_joins_it() -> None:
    parking = Parking(1_000)
    group = parking.add(["u1", "d1"], NOW + 5)
    assert parking.add(["d1", "d2"], NOW) is group
    assert group.keys == {"u1", "d1", "d2"}
    assert group.resume_at == NOW + 5, "what waits for longer counts"
    assert [parking.group_for([key]) for key in ("u1", "d1", "d2", "u9")] == [group, group, group, None]
    other = parking.add(["u2"])
    assert parking.add(["u2", "d2"]) in (group, other)
    assert len({id(parking.group_for([key])) for key in ("u1", "d1", "d2", "u2")}) == 1


def test_a_slice_ends_with_its_bytes_or_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0
    monkeypatch.setattr(time, "monotonic_ns", lambda: now)
    slice_ = Slice()
    assert not slice_.spent(SLICE_BYTES - 1)
    assert slice_.spent(1)
    now = 7 * clock.SLICE_MS * 1_000_000
    slice_.begin()
    assert not slice_.spent(SLICE_BYTES // 2), "what others did meanwhile does not count"
    now += clock.SLICE_MS * 1_000_000 - 1
    assert not slice_.spent(0)
    now += 1
    assert slice_.spent(0)
