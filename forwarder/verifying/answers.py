"""The answer to a question of a site's check: fine, a fault with how to mend it, or skipped."""

from typing import NamedTuple

from forwarder.verifying.observation import SeenEvent
from forwarder.verifying.report import State


class Answer(NamedTuple):
    """The answer to a question. ``mend``: empty unless something has to be mended."""

    state: State
    detail: str
    mend: str = ""


def fine(detail: str) -> Answer:
    """Return that nothing has to be mended. ``detail``: what was seen."""
    return Answer(State.OK, detail)


def fault(detail: str, mend: str) -> Answer:
    """Return that ``mend`` has to be done. ``detail``: what is wrong."""
    return Answer(State.FAULT, detail, mend)


def skipped(detail: str) -> Answer:
    """Return that nothing was asked. ``detail``: why."""
    return Answer(State.SKIPPED, detail)


SEE_POLICY = skipped("see: the content security policy")


def named(events: list[SeenEvent]) -> str:
    """Return the names of events for an answer: three of them, and how many more there are."""
    names = list(dict.fromkeys(one.name for one in events))
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
