"""What recorded events make of sessions: as they came, and by other rules; see ``forwarder sessions``."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

import msgspec

from forwarder.cdn.session_rules import session_rules
from forwarder.cli.output import Failed
from forwarder.cli.recorded_sessions import Recorded
from forwarder.config.settings import Settings
from forwarder.sessions.book import SessionBook
from forwarder.sessions.device import GIVEN
from forwarder.sessions.facts import APP, PAGE, SERVER, Assign, SessionFacts, SessionRules
from forwarder.sessions.report import Figures, Visit, figures, said_length


class Compared(NamedTuple):
    """Sessions before and after; ``rules``: what made the latter, in words."""

    before: Figures
    after: Figures
    rules: str


class WhatIf(NamedTuple):
    """The rules that are asked about. Lengths in ms, None for the configuration's, as all else."""

    length: int | None = None
    maximum: int | None = None
    assign: Assign | None = None

    @property
    def is_anew(self) -> bool:
        """Whether sessions whose ids pages gave are decided anew."""
        return self.length is not None or self.maximum is not None

    def by_source(self, settings: Settings) -> dict[str, SessionRules]:
        """Return the rules of each source. Raises Failed where there is none."""
        if not settings.sources:
            raise Failed("no source is configured; add [[sources]] to the file")
        known = session_rules(settings)
        return {
            one.name: self._over(known.get(one.name) or SessionRules(source=one.name, assign="off"))
            for one in settings.sources
        }

    def _over(self, rules: SessionRules) -> SessionRules:
        whose = self.assign or rules.assign
        return msgspec.structs.replace(
            rules,
            length=rules.length if self.length is None else self.length,
            maximum=rules.maximum if self.maximum is None else self.maximum,
            assign="web" if self.is_anew and whose == "off" else whose,
            join=rules.join and whose != "off",
        )


def compare(recorded: Sequence[Recorded], rules: Mapping[str, SessionRules], asked: WhatIf) -> Compared:
    """Return what the events make. ``rules``: by source."""
    people = _people(recorded)
    before = figures(Visit(people(one), one.session_device, one.given, one.time) for one in recorded)
    after = figures(_after(recorded, rules, people, again=asked.is_anew))
    used = {one.facts.rules.source for one in recorded if one.facts is not None} or {*rules}
    said = list(dict.fromkeys(_words(rules[name], asked.is_anew) for name in rules if name in used))
    return Compared(before, after, "; or, by the event's source, ".join(said))


def _people(recorded: Sequence[Recorded]) -> Callable[[Recorded], str]:
    """Return what tells who an event is of: its user, else the one that its device is of."""
    owners = {one.device: one.user for one in recorded if one.device and one.user}
    return lambda one: one.user or owners.get(one.device, one.device)


def _after(
    recorded: Sequence[Recorded],
    rules: Mapping[str, SessionRules],
    people: Callable[[Recorded], str],
    *,
    again: bool,
) -> Iterator[Visit]:
    """Yield the events with their sessions by the rules. ``again``: pages' own ids are decided anew."""
    facts = [None if one.facts is None else _by(one, one.facts, rules, again=again) for one in recorded]
    done = SessionBook(max_devices=len(facts) + 1).assign(facts, 0)
    for one, fact, assigned in zip(recorded, facts, done, strict=True):
        session_id = fact.given if fact is not None else None
        device = one.device or one.user
        if assigned is not None:
            session_id, device = assigned.session_id, assigned.device or device
        yield Visit(people(one), device, session_id, one.time)


def _by(
    one: Recorded, facts: SessionFacts, rules: Mapping[str, SessionRules], *, again: bool
) -> SessionFacts | None:
    """Return what these rules look at in an event; None where they do not, as ingest does it."""
    given, flags, own = facts.given, facts.flags, rules[facts.rules.source]
    if one.is_ours or (again and facts.kind == PAGE):
        given, flags = None, flags & ~GIVEN
    opening = facts.opening or (b"-" if given is None and facts.given is not None else b"")
    if given is None and not own.assigns(facts.kind):
        if facts.kind == APP or (facts.kind == SERVER and not own.join):
            return None
        opening = opening if facts.kind == SERVER else b""
    return SessionFacts(own, facts.kind, facts.device, facts.user, facts.time, given, opening, 0, flags)


def _words(rules: SessionRules, again: bool) -> str:
    """Return the rules in words."""
    whose = {"off": "nobody's", "web": "pages'", "all": "all"}[rules.assign]
    maximum = f", {said_length(rules.maximum)} at most" if rules.maximum > 0 else ""
    decided = "pages' own ids decided anew" if again else "given ids as they are"
    return (
        f"a session ends after {said_length(rules.length)} without an event{maximum}; {decided};"
        f" {whose} events without an id get one"
    )
