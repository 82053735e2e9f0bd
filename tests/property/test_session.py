"""Any visit: several tabs on one storage, a clock that jumps, storage lost or spoilt, any settings."""

import re
from collections import Counter
from itertools import pairwise
from typing import Any, ClassVar

from hypothesis import settings as run_settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from browser_plugin import SessionPlugin, SessionSettings
from browser_plugin.plugin import ID_KEY, LAST_KEY, Emitted, Enriched
from browser_plugin.settings import TABLE

NOW = 1_700_000_000_000
TYPES = next(setting.choices for setting in TABLE if setting.name == "event_types")
LENGTHS = st.sampled_from([1_800_000, 0, 1, 1_000, 1_800_000, 1_800_000])
MAXIMA = st.sampled_from([0, 1, 1_000, 1_800_000, 3_600_000])
INTEGRATIONS = st.sampled_from(
    [
        None,
        {},
        {"All": True},
        {"All": False},
        {"All": False, "Actions Amplitude": True},
        {"Actions Amplitude": False},
        {"Actions Amplitude": {"groups": {"a": "b"}, "session_id": 5}},
    ]
)
WAITS = st.sampled_from([0, 1, 999, 1_000, 1_001, 600_000, 1_799_999, 1_800_000, 1_800_001, 3_600_000])
"""Milliseconds between two events."""
STEPS = st.sampled_from([1, 999, 1_000, 1_799_999, 1_800_000, 1_800_001, 86_400_000]) | st.integers(0, 10**10)
SPOILT = st.text(max_size=20) | st.sampled_from(
    ["NaN", "null", "1e3", "-1", "9" * 15, "9" * 16, "017", '"17"', "\u0661"]
)

UNUSABLE = ["NaN", "-1", "9" * 16, "\u0661", " 1"]

OFTEN = 20
"""How often a run has to come upon each reason, at least."""


def usable(text: str | None) -> int | None:
    """Return what a stored text is good for, said apart from the code under test."""
    return int(text) if text is not None and re.fullmatch("[0-9]{1,15}", text) else None


class Visit(RuleBasedStateMachine):
    """One visitor's browser."""

    reached: ClassVar[Counter[str]]

    @initialize(
        settings=st.builds(
            SessionSettings,
            session_length=LENGTHS,
            maximum_length=MAXIMA,
            session_events=st.booleans(),
            event_types=st.lists(st.sampled_from(TYPES), unique=True).map(
                lambda types: tuple({"track": 1} | dict.fromkeys(types))
            ),
        )
    )
    def open(self, settings: SessionSettings) -> None:
        self.begin(settings)

    def begin(self, settings: SessionSettings) -> None:
        self.settings = settings
        self.storage: dict[str, str] = {}
        self.tabs = [SessionPlugin(settings, self.storage) for _ in range(3)]
        self.now = NOW
        self.told: list[Emitted] = []
        """Session events since the storage was last touched by others."""
        self.latest = 0
        """The session that began last, as far as the clock and the storage were left alone."""

    @rule(step=STEPS)
    def wait(self, step: int) -> None:
        self.now += step

    @rule(step=STEPS)
    def clock_goes_back(self, step: int) -> None:
        self.now = max(1, self.now - step)
        self.latest = 0

    @rule()
    def storage_is_cleared(self) -> None:
        self.storage.clear()
        self.told.clear()
        self.latest = 0

    @rule(key=st.sampled_from([ID_KEY, LAST_KEY]), text=SPOILT | st.none())
    def storage_is_spoilt(self, key: str, text: str | None) -> None:
        self.spoil(key, text)

    def spoil(self, key: str, text: str | None) -> None:
        if text is None:
            self.storage.pop(key, None)
        else:
            self.storage[key] = text
        self.told.clear()
        self.latest = 0

    @rule(key=st.sampled_from([ID_KEY, LAST_KEY]), text=st.sampled_from(UNUSABLE), tab=st.integers(0, 2))
    def event_over_spoilt_storage(self, key: str, text: str, tab: int) -> None:
        """Nothing comes between: on its own the storage is mended, cleared or spoilt again by luck."""
        self.event(0, tab, "track", None, reset=False)
        self.spoil(key, text)
        self.event(1, tab, "track", None, reset=False)

    @rule(
        events=st.lists(
            st.tuples(
                WAITS,
                st.integers(0, 2),
                st.just("track") | st.sampled_from(TYPES),
                INTEGRATIONS,
                st.sampled_from([False, False, False, True]),
            ),
            min_size=1,
            max_size=8,
        )
    )
    def events(self, events: list[tuple[int, int, str, dict[str, Any] | None, bool]]) -> None:
        for event in events:
            self.event(*event)

    def event(self, wait: int, tab: int, kind: str, integrations: dict[str, Any] | None, reset: bool) -> None:
        self.now += wait
        event: dict[str, Any] = {"type": kind}
        if integrations is not None:
            event["integrations"] = integrations
        stored = dict(self.storage)
        done = self.tabs[tab].enrich(event, self.now, reset=reset)
        if kind not in self.settings.event_types:
            assert (done.event, done.emitted, self.storage) == (event, [], stored)
            return
        assert done.decision is not None
        reason = self.reason(stored, reset)
        self.reached[reason] += 1
        assert done.decision["reason"] == reason
        current = done.decision["session_id"]
        assert self.storage == {ID_KEY: str(current), LAST_KEY: str(self.now)}, "one session, active now"
        began, last = usable(stored.get(ID_KEY)), usable(stored.get(LAST_KEY))
        assert done.decision["idle"] == (0 if last is None else max(0, self.now - last))
        if reason != "active":
            assert done.decision["started"]
            assert current == self.now
            # Two in one millisecond: only where every event begins one, or was to. They count as one.
            again = reset or not self.settings.session_length
            assert self.latest < current or (again and self.latest == current), "each session starts once"
            self.latest = current
            self.begins(done, began, began if last is None else last)
        else:
            assert not done.decision["started"]
            assert current == began, "an id never changes inside the window"
            assert done.emitted == []
        self.is_stamped(done, integrations or {}, current)
        if self.settings.session_length:
            other = self.tabs[(tab + 1) % 3].enrich({"type": kind}, self.now)
            assert other.event["integrations"]["Actions Amplitude"]["session_id"] == current, "in all tabs"

    def reason(self, stored: dict[str, str], reset: bool) -> str:
        """Say what the rules are, from the two texts alone."""
        began, last = usable(stored.get(ID_KEY)), usable(stored.get(LAST_KEY))
        maximum = self.settings.maximum_length
        rules = (
            ("first visit", not stored.get(ID_KEY)),
            ("unusable", began is None or last is None),
            ("reset", reset),
            ("idle", last is not None and self.now >= last + self.settings.session_length),
            ("maximum", began is not None and bool(maximum) and self.now >= began + maximum),
        )
        return next((name for name, holds in rules if holds), "active")

    def begins(self, done: Enriched, ended: int | None, last: int | None) -> None:
        """A session ends if there was one, then one begins: both once."""
        assert done.decision is not None
        assert done.decision["ended_id"] == ended
        assert done.decision["ended_last"] == (None if ended is None else last)
        current = done.decision["session_id"]
        names = ["Session Ended", "Session Started"] if ended is not None else ["Session Started"]
        wanted = names if self.settings.session_events else []
        assert [one.name for one in done.emitted] == wanted
        if done.emitted:
            assert [one.session_id for one in done.emitted] == [*([] if ended is None else [ended]), current]
            assert [one.timestamp for one in done.emitted] == [*([] if ended is None else [last]), self.now]
        self.told += done.emitted

    def is_stamped(self, done: Enriched, integrations: dict[str, Any], current: int) -> None:
        """Consent is kept, and so are other options."""
        options = integrations.get("Actions Amplitude")
        if options is False or (integrations.get("All") is False and not options):
            assert done.event.get("integrations", {}) == integrations
        else:
            kept = options if isinstance(options, dict) else {}
            stamped = {**integrations, "Actions Amplitude": {**kept, "session_id": current}}
            assert done.event["integrations"] == stamped

    @invariant()
    def ends_and_starts_alternate(self) -> None:
        told = getattr(self, "told", [])
        for before, after in pairwise(told):
            assert {before.name, after.name} == {"Session Started", "Session Ended"}
            if after.name == "Session Ended":
                assert after.session_id == before.session_id
                assert after.properties["duration"] == max(0, after.timestamp - after.session_id)


class LongVisit(Visit):
    """Of a visitor whose sessions mostly end by their maximum."""

    @initialize(maximum=st.sampled_from([1, 1_000, 600_000]))
    def open(self, maximum: int) -> None:
        self.begin(SessionSettings(session_length=1_800_000, maximum_length=maximum))


def test_any_visit_keeps_the_rules() -> None:
    Visit.reached = Counter()
    run_state_machine_as_test(
        LongVisit, settings=run_settings(max_examples=30, stateful_step_count=50, deadline=None)
    )
    run_state_machine_as_test(
        Visit, settings=run_settings(max_examples=100, stateful_step_count=50, deadline=None)
    )
    print(dict(Visit.reached))
    reasons = ("first visit", "active", "idle", "reset", "maximum", "unusable")
    assert {reason: Visit.reached[reason] for reason in reasons if Visit.reached[reason] < OFTEN} == {}
