"""What is changed, and which tests may notice: those of the same area that start no other program.

A mistake is to be noticed near where it was made, so a far test that would stumble over it does not count.
"""

from fnmatch import fnmatch
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]


class Area(NamedTuple):
    """A part of the core."""

    core: tuple[str, ...]
    """Patterns of the modules that are changed."""
    tests: tuple[str, ...]
    """Patterns of the test files that may notice."""
    but: str = ""
    """A word in the names of those of their tests that are not asked."""

    def modules(self) -> list[str]:
        """Return the paths of the modules, in order."""
        return _files(self.core)

    def test_files(self) -> list[str]:
        """Return the paths of the test files, in order."""
        return _files(self.tests)


_SPOOLS = (
    *("tests/contract/test_spool.py", "tests/contract/test_spool_parking.py"),
    *("tests/contract/test_erasing.py", "tests/unit/spool/test_*.py"),
    *("tests/unit/sessions/test_in_the_spool.py", "tests/unit/sessions/test_session_writer.py"),
    *("tests/unit/history/test_*.py", "tests/contract/test_history.py"),
)
_SESSIONS = (
    *("assigner", "book", "closer", "device", "devices", "facts", "late_events"),
    *("policy", "renaming", "restamping", "rows", "stamp", "undoable"),
)
"""What decides; the report is asked for by a tool alone."""
AREAS = {
    "page": Area(
        (
            *("browser_plugin/session.py", "browser_plugin/rules.py", "browser_plugin/plugin.py"),
            *(
                "browser_plugin/json_values.py",
                "browser_plugin/stores.py",
                "browser_plugin/session_events.py",
            ),
            *("browser_plugin/entry.py", "browser_plugin/destinations.py", "browser_plugin/explanation.py"),
        ),
        ("tests/unit/browser_plugin/test_*.py", "tests/property/test_session.py"),
    ),
    "answers": Area(
        ("forwarder/amplitude/wire/responses.py", "forwarder/http/sending.py"),
        ("tests/unit/amplitude/test_responses.py", "tests/unit/http/test_*.py"),
    ),
    "ingest": Area(
        ("forwarder/ingest/*.py", "forwarder/http/auth.py"),
        (
            *("tests/unit/ingest/test_*.py", "tests/unit/http/test_*.py"),
            *("tests/unit/enrichment/test_*.py", "tests/unit/config/test_origins.py"),
            *("tests/property/test_tracking_bodies.py", "tests/unit/sessions/test_*.py"),
        ),
    ),
    "sessions": Area(
        tuple(f"forwarder/sessions/{name}.py" for name in _SESSIONS),
        (
            *("tests/unit/sessions/test_*.py", "tests/unit/ingest/test_event_sessions.py"),
            *("tests/unit/ingest/test_session_facts.py", "tests/unit/spool/test_transaction_sessions.py"),
            *("tests/property/test_sessions.py", "tests/property/test_late_sessions.py"),
            "tests/property/test_going_on.py",
        ),
    ),
    "spool": Area(
        ("forwarder/spool/*.py", "forwarder/spool/sqlite/*.py"),
        (*_SPOOLS, "tests/unit/cli/test_dead_letters.py", "tests/contract/test_spool_machine.py"),
        but="jetstream or a_stream",
    ),
    "stream": Area(
        ("forwarder/spool/jetstream/*.py",),
        ("tests/contract/test_stream*.py", "tests/unit/spool/test_*.py"),
    ),
    "delivery": Area(
        ("forwarder/delivery/*.py", "forwarder/delivery/scheduler/*.py"),
        (
            *("tests/unit/delivery/test_*.py", "tests/unit/cli/test_dead_letters.py"),
            *(
                "tests/unit/test_faults.py",
                "tests/unit/test_status.py",
                "tests/unit/amplitude/test_requests.py",
            ),
            "tests/property/test_delivery_*.py",
        ),
    ),
}
"""The core by area; what a visitor or an operator would meet first comes first."""


def _files(patterns: tuple[str, ...]) -> list[str]:
    found: dict[str, None] = {}
    for pattern in patterns:
        folder, name = pattern.rsplit("/", 1)
        for path in sorted((ROOT / folder).glob("*.py")):
            if fnmatch(path.name, name):
                found[path.relative_to(ROOT).as_posix()] = None
    return list(found)
