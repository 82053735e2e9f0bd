"""The pages of the reference by their files."""

from collections.abc import Callable
from pathlib import Path

from tests.docs.reference.actions import actions, preset_page
from tests.docs.reference.language import directives, triggers
from tests.docs.reference.markdown import GENERATED
from tests.docs.reference.operation import command_page, http_page, metric_page, warning_page
from tests.docs.reference.page_side import page_side, storage
from tests.docs.reference.settings import forwarder_settings
from tests.support.processes import ROOT

FOLDER: Path = ROOT / "docs" / "reference"
PAGES: dict[str, Callable[[], str]] = {
    "actions.md": actions,
    "presets.md": preset_page,
    "triggers.md": triggers,
    "mappings.md": directives,
    "settings.md": forwarder_settings,
    "warnings.md": warning_page,
    "metrics.md": metric_page,
    "commands.md": command_page,
    "http.md": http_page,
    "page.md": page_side,
    "storage.md": storage,
}


def made(name: str) -> str:
    """Return a page's text."""
    return f"{GENERATED}\n\n{PAGES[name]().rstrip()}\n"


def write() -> None:
    """Write all pages."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name in PAGES:
        (FOLDER / name).write_text(made(name), encoding="utf-8")
