"""Prints which modules' branches the tests reach in part only: ``python -m tests.branches`` after a run."""

import json
from pathlib import Path

REPORT = Path(__file__).parents[1] / "build" / "coverage.json"
ENOUGH = 95.0
"""Percent of lines and branches below which a module is named."""


def below(report: dict[str, dict[str, dict[str, dict[str, float]]]], enough: float = ENOUGH) -> list[str]:
    """Return a line for each module that is reached too little, the worst first."""
    shares = {path: file["summary"]["percent_covered"] for path, file in report["files"].items()}
    worst = sorted((share, path) for path, share in shares.items() if share < enough)
    return [f"{share:5.1f} %  {path}" for share, path in worst]


def main() -> None:
    """Print them, and the whole."""
    report = json.loads(REPORT.read_text())
    print("\n".join(below(report)))
    print(f"{report['totals']['percent_covered']:5.1f} %  of all lines and branches")


if __name__ == "__main__":
    main()
