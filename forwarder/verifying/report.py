"""What the check of a site found: a finding for each question, and how it is shown."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum


class State(StrEnum):
    """The state of a question."""

    OK = "ok"
    FAULT = "fault"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Finding:
    """The answer to a question. ``check``: its name; ``detail``: what was seen; ``mend``: what to do."""

    check: str
    question: str
    state: State
    detail: str
    mend: str = ""


@dataclass(frozen=True, slots=True)
class Report:
    """The report of one browser on one page."""

    url: str
    browser: str
    findings: tuple[Finding, ...]

    @property
    def faults(self) -> tuple[Finding, ...]:
        """Return what has to be mended."""
        return tuple(one for one in self.findings if one.state is State.FAULT)

    def __str__(self) -> str:
        return "\n".join(table([self]))


def as_json(reports: Sequence[Report]) -> list[dict[str, object]]:
    """Return the reports as JSON values, one for each browser."""
    return [
        {
            "url": one.url,
            "browser": one.browser,
            "ok": not one.faults,
            "findings": [asdict(finding) for finding in one.findings],
        }
        for one in reports
    ]


def table(reports: Sequence[Report]) -> list[str]:
    """Return the lines of a table, browser by browser, each fault with its mend below it."""
    lines: list[str] = []
    for report in reports:
        lines.append(f"{report.url} in {report.browser}")
        width = max((len(one.question) for one in report.findings), default=0)
        for one in report.findings:
            lines.append(f"  {one.state:7}  {one.question:{width}}  {one.detail}")
            if one.mend:
                lines.append(f"  {'':7}  {'':{width}}  mend: {one.mend}")
    return lines
