"""What is counted at ingest and about pages. Labels hold configured names and codes, never sent text."""

from collections.abc import Mapping

import structlog

from forwarder.outcomes import Outcome
from forwarder.tally import Tally

log = structlog.get_logger()
EVENTS = Tally(
    "forwarder_door_events", "Events that ended at ingest, by outcome", ["source", "outcome", "reason"]
)
_REFUSED = Tally("forwarder_requests_refused", "Requests refused as a whole", ["code"])
_OPERATOR = Tally(
    "forwarder_operator_refused",
    "Requests for the operator alone that were refused, by why.",
    ["why"],
)
_TIMES = Tally(
    "forwarder_time_problems",
    "Events whose timestamp or sentAt could not be used, by what was wrong",
    ["source", "problem"],
)
REPORTS = Tally("forwarder_page_reports", "What pages reported of their plugin", ["kind"])
REPORTED = frozenset({"difference", "trap", "fault", "load", "timeout", "unavailable", "refused"})
"""What a page may say; everything else is counted as ``other``, so that no text becomes a label."""


def count_events(source: str, outcome: Outcome, reason: str, count: int) -> None:
    """Count events of a source that ended at ingest."""
    EVENTS.add(source, outcome.value, reason, count=count)


def count_time_problems(source: str, problems: Mapping[str, int]) -> None:
    """Count and log times of a source's events that could not be used, by problem."""
    for problem, count in problems.items():
        _TIMES.add(source, problem, count=count)
    log.warning("times could not be used", source=source, problems=dict(problems))


def count_refusal(code: str) -> None:
    """Count one request that was refused as a whole."""
    _REFUSED.add(code)


def count_operator_refusal(why: str) -> None:
    """Count one request that the operator's token did not open."""
    _OPERATOR.add(why)


def count_report(kind: object) -> None:
    """Count one report of a page."""
    REPORTS.add(kind if isinstance(kind, str) and kind in REPORTED else "other")
