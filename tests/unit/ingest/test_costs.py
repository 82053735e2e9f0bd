"""What bounds the cost of events: short ways equal long ones, and nobody waits long for others' events."""

import json
from itertools import pairwise

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from forwarder.config.settings import Limits, Source
from forwarder.ingest.body import exceeds_depth
from forwarder.ingest.normalization import RequestContext
from forwarder.ingest.sorting import SLICE_BYTES, EventSorter, SortedEvents

NOW = 1_790_000_000_000
VALUES = st.recursive(
    st.sampled_from(["[", "]}", '\\"[', "{", "", 1, None]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(["a", "{", "]"]), inner),
    max_leaves=20,
)


def depth(value: object) -> int:
    if not isinstance(value, (dict, list)):
        return 0
    return 1 + max(map(depth, value.values() if isinstance(value, dict) else value), default=0)


@given(VALUES, st.integers(0, 12))
def test_the_depth_of_a_text_is_that_of_its_value(value: object, nesting: int) -> None:
    assert exceeds_depth(json.dumps(value).encode(), nesting) is (depth(value) > nesting)


@pytest.mark.parametrize("levels", [99, 100, 101, 5_000])
@pytest.mark.parametrize("bushy", [False, True])
def test_deep_texts(levels: int, bushy: bool) -> None:
    beside = b"[[]]," if bushy else b""
    text = (b"[" + beside) * (levels - 2) + b"[[]]" + b"]" * (levels - 2)
    assert exceeds_depth(text, 100) is (levels > 100)


def test_large_events_are_sorted_in_slices() -> None:
    event = {"type": "track", "event": "e", "userId": "u", "properties": {"text": "x" * 10_000}}
    events = [msgspec.Raw(json.dumps(event).encode())] * 40
    sorted_events = SortedEvents(Source(name="shop", write_key="key"), RequestContext("shop", NOW), events)
    sorting = EventSorter(Limits()).sorting(sorted_events, None)
    looks = [0, *(len(sorted_events.good) for _ in sorting), 40]
    assert (len(sorted_events.good), sorted_events.bad) == (40, [])
    most = max(after - before for before, after in pairwise(looks))
    assert most * 10_000 <= SLICE_BYTES + 10_000
