"""Events like the owner's own, made by hypothesis: what those hold, changed in every way that JSON allows.

For the profile of a module that keeps nothing but what was touched, and for the events that it is then asked
about. The same events and seed give the same ones, as long as hypothesis is the same.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from hypothesis import HealthCheck, Phase, Verbosity, given, seed, settings
from hypothesis import strategies as made

from browser_plugin.minimal import KEPT
from browser_plugin.owner_freeze.events import ODD

FRAGMENTS = (
    "",
    " ",
    "@",
    ".",
    "?",
    "&",
    "=",
    "#",
    "/",
    "%",
    "%40",
    "+",
    "\u00e4",
    "\u65e5",
    "\U0001f600",
    "\n",
)
"""What texts are put together of, with pieces of the owner's own: addresses, queries, words."""
MOST_VALUES = 200
"""Values remembered of one place in the events."""
LONGEST = 40
"""Characters of a text that is made of nothing."""
COMMON = 6
"""Of a place's values, so many are of its own kinds for one that is of any."""


@dataclass(slots=True)
class Shape:
    """What was seen at one place of the owner's events."""

    values: list[Any] = field(default_factory=list)
    """Texts, numbers, true, false and null."""
    fields: "dict[str, Shape]" = field(default_factory=dict)
    items: "Shape | None" = None
    is_object: bool = False

    def see(self, value: Any) -> None:
        """Remember a value."""
        if isinstance(value, dict):
            self.is_object = True
            for name, one in value.items():
                self.fields.setdefault(name, Shape()).see(one)
        elif isinstance(value, list):
            self.items = self.items or Shape()
            for one in value:
                self.items.see(one)
        elif len(self.values) < MOST_VALUES and not any(value is one for one in self.values):
            self.values.append(value)

    def strategy(self) -> made.SearchStrategy[Any]:
        """Return what makes values like those."""
        ways: list[made.SearchStrategy[Any]] = []
        if self.values:
            ways += [made.sampled_from(self.values), made.one_of(*map(near, self.kinds()))]
        if self.is_object:
            known = {name: one.strategy() for name, one in self.fields.items()}
            ways.append(made.fixed_dictionaries({}, optional=known))
            ways.append(made.dictionaries(made.sampled_from([*known, *FRAGMENTS]), anything(), max_size=3))
        if self.items is not None:
            ways.append(made.lists(self.items.strategy(), max_size=4))
        return made.one_of(*ways * COMMON, anything()) if ways else anything()

    def kinds(self) -> list[Any]:
        """Return one value of each kind that was seen, and of texts some."""
        texts = [one for one in self.values if isinstance(one, str)]
        others = {type(one): one for one in self.values if not isinstance(one, str)}
        return [*texts[:: 1 + len(texts) // 20], *others.values()]


def near(value: Any) -> made.SearchStrategy[Any]:
    """Return what makes values of the kind of one."""
    if isinstance(value, bool) or value is None:
        return made.sampled_from([True, False, None])
    if isinstance(value, int):
        return made.integers(-(10**16), 10**16)
    if isinstance(value, float):
        return made.floats(allow_nan=False, allow_infinity=False)
    pieces = made.sampled_from([*FRAGMENTS, *(value[at : at + 9] for at in range(0, len(value), 5)), value])
    return made.lists(pieces, max_size=6).map("".join) | made.text(max_size=LONGEST)


def anything() -> made.SearchStrategy[Any]:
    """Return what makes values of a kind that nobody expects."""
    return made.sampled_from(ODD)


def like(events: Sequence[dict[str, Any]], count: int, number: int) -> list[dict[str, Any]]:
    """Return ``count`` events like the given ones, the same for the same ``number``; none for none."""
    if not events:
        return []
    shape = Shape()
    for event in events:
        shape.see({name: one for name, one in event.items() if name not in KEPT})
    known = {name: one.strategy() for name, one in shape.fields.items()}
    found: list[dict[str, Any]] = []

    @seed(number)
    @settings(
        max_examples=count,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        verbosity=Verbosity.quiet,
        suppress_health_check=list(HealthCheck),
    )
    @given(made.sampled_from(events), made.fixed_dictionaries({}, optional=known))
    def remember(event: dict[str, Any], changed: dict[str, Any]) -> None:
        kept = {name: event[name] for name in KEPT if name in event}
        found.append({**event, **changed, **kept})

    remember()
    return found
