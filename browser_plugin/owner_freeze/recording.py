"""The events that an owner's tests hand to his code: they know best which ones matter.

``pytest -p browser_plugin.owner_freeze.recording`` is how they run; this module then writes down each event.
"""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from browser_plugin.enrichment import OF_PAGE
from browser_plugin.freeze.tools import FreezeError
from browser_plugin.owner.source import FUNCTION, OwnerCode

CODE, OUT = "OWNER_CODE", "OWNER_EVENTS"
"""Environment of the tests: the path of the owner's code, and of the file for the events."""
_recorded: list[str] = []


def recorded(code: OwnerCode) -> list[dict[str, Any]]:
    """Run the tests beside an owner's code; return the events that they hand to it, each once.

    Raises FreezeError where a test fails.
    """
    files = list(tests_of(code))
    if not files:
        return []
    root = Path(__file__).resolve().parents[2]
    with tempfile.TemporaryDirectory(prefix="tests-") as folder:
        out = Path(folder) / "events.json"
        home = code.path.resolve().parent
        path = os.pathsep.join([str(root), str(home)])
        env = {**os.environ, "PYTHONPATH": path, CODE: str(code.path.resolve()), OUT: str(out)}
        env |= {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTHONDONTWRITEBYTECODE": "1"}
        options = ["-q", "-c", os.devnull, f"--rootdir={home}", "-p", "no:cacheprovider"]
        paths = [str(one.resolve()) for one in files]
        command = [sys.executable, "-m", "pytest", *options, "-p", __name__, *paths]
        done = subprocess.run(command, env=env, cwd=home, capture_output=True, text=True, check=False)
        if done.returncode:
            last = (done.stdout.strip() or done.stderr.strip()).splitlines()[-1:]
            raise FreezeError(
                f"the tests beside {code.path} do not pass: {''.join(last)}; python -m pytest {paths[0]}"
            )
        texts = json.loads(out.read_text())
    return [json.loads(text) for text in dict.fromkeys(texts)]


def tests_of(code: OwnerCode) -> Iterator[Path]:
    """Yield the test files inside a package; those beside a module, or in ``tests`` there, that name it."""
    if code.path.is_dir():
        yield from sorted(code.path.rglob("test_*.py"))
        return
    beside = code.path.parent
    for path in sorted((*beside.glob("test_*.py"), *beside.glob("tests/test_*.py"))):
        if code.name in path.read_text(encoding="utf-8"):
            yield path


def pytest_configure() -> None:
    """Put what writes down events in the place of the owner's function, before any test imports it."""
    code = OwnerCode.read(Path(os.environ[CODE]))
    enrich = code.load()

    def recording(event: dict[str, Any], page: dict[str, Any]) -> Any:
        with suppress(TypeError, ValueError):  # no JSON: no page has such an event
            _recorded.append(json.dumps(whole(event, page)))
        return enrich(event, page)

    setattr(sys.modules[code.name], FUNCTION, recording)


def pytest_unconfigure() -> None:
    """Write the events down."""
    Path(os.environ[OUT]).write_text(json.dumps(_recorded))


def whole(event: dict[str, Any], page: dict[str, Any]) -> dict[str, Any]:
    """Return an event with what a test handed over beside it: in a page all comes with the event."""
    context = event.get("context")
    context = dict(context) if isinstance(context, dict) else {}
    given = {name: page[name] for name in OF_PAGE if page.get(name)}
    if given:
        context["page"] = {**(context["page"] if isinstance(context.get("page"), dict) else {}), **given}
    time = {"timestamp": page["time"]} if page.get("time") else {}
    return {"type": "track", "messageId": "m-1", **time, **event, **({"context": context} if given else {})}
