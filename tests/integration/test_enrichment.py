"""A real forwarder with an owner's own Python: once for each event, supervised, shown by ``plan``."""

import json
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from browser_plugin.enrichment import MARK
from browser_plugin.owner.source import OwnerCode, OwnerError
from tests.support.configuration import write_config
from tests.support.forwarder import forwarder
from tests.support.operator import metrics
from tests.support.processes import ROOT
from tests.support.receiver import receiver
from tests.support.waiting import PATIENCE_S, eventually

pytestmark = pytest.mark.integration

CODE = """
from shop import words

def enrich(event, page):
    name = event["event"]
    if name == "Noise":
        return None
    if name == "Broken":
        raise ValueError("bob@example.com")
    return {**event, "event": words.louder(name)}
"""
WORDS = "def louder(text): return text.upper()"


def package(folder: Path) -> Path:
    made = folder / "shop"
    made.mkdir()
    (made / "__init__.py").write_text(CODE)
    (made / "words.py").write_text(WORDS)
    (made / "test_shop.py").write_text("import random")
    return made


def enriched_config(folder: Path, url: str, value: str) -> Path:
    config = write_config(folder, url)
    config.write_text(
        config.read_text().replace('write_key = "demo"', f'write_key = "demo"\nenrich = {value}')
    )
    return config


def track(name: str, **more: Any) -> dict[str, Any]:
    return {"type": "track", "event": name, "userId": "u-12345", "messageId": name, **more}


def send(url: str, *events: dict[str, Any]) -> None:
    body = json.dumps({"writeKey": "demo", "batch": events}).encode()
    request = urllib.request.Request(f"{url}/v1/b", data=body, headers={"content-type": "application/json"})
    with urllib.request.urlopen(request, timeout=PATIENCE_S) as answer:
        assert answer.status == 200


def test_each_event_is_enriched_once_and_a_fault_costs_its_work_alone(tmp_path: Path) -> None:
    package(tmp_path)
    with receiver() as amplitude, forwarder(enriched_config(tmp_path, amplitude.url, '"shop"')) as running:
        by_page = track("page", integrations={MARK: {"version": "of the page"}})
        send(running.url, track("seen"), by_page, track("Noise"), track("Broken"))
        assert eventually(lambda: len(amplitude.events()) == 3)
        names = [one["event_type"] for one in amplitude.events()]
        assert sorted(names) == ["Broken", "SEEN", "page"]
        assert MARK not in str(amplitude.requests)
        shown = metrics(running.url)
        results = {
            labels[1]: value for labels, value in shown.items() if "enrichment_events_total" in labels[0]
        }
        assert results == {"enriched": 1, "by_page": 1, "dropped": 1, "failed": 1}
        assert shown["forwarder_door_events_total", "filtered", "enrich", "shop"] == 1
        said = running.wait_for("the owner's enrich failed on an event")
        assert str(said["fault"]).startswith("ValueError at __init__.py:9 in enrich")
        (tmp_path / "shop" / "words.py").write_text("def louder(text): return text + '!'")
        running.hang_up()
        running.wait_for("configuration reloaded")
        send(running.url, track("again"))
        assert eventually(lambda: "again!" in str(amplitude.requests))
        (tmp_path / "shop" / "words.py").write_text("import os")
        running.hang_up()
        told = running.wait_for("configuration not reloaded, the old one stays")
        assert "sources.shop.enrich: shop/words.py:1: import os cannot be used" in str(told["problems"])
        running.stop()
        assert "bob@example.com" not in "".join(running.everything_said())


def run(*words: str | Path, given: str = "") -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "forwarder", *map(str, words)]
    return subprocess.run(command, cwd=ROOT, input=given, capture_output=True, text=True)


def test_plan_shows_what_the_code_does(tmp_path: Path) -> None:
    code, config = package(tmp_path), write_config(tmp_path, "http://127.0.0.1:1")
    events = "\n".join(json.dumps(track(name)) for name in ("seen", "Noise", "Broken"))
    plain = run("plan", "--config", config, given=events)
    assert ("enriched" in plain.stdout, "SEEN" in plain.stdout) == (False, False)
    done = run("plan", "--config", config, "--enrich", code, given=events)
    seen, noise, broken = map(json.loads, done.stdout.splitlines())
    version = OwnerCode.read(code).version
    change = {"path": "event", "before": "seen", "after": "SEEN"}
    assert seen["enriched"] == {"version": version, "result": "enriched", "changes": [change]}
    assert seen["planned"][0]["calls"][0]["json"]["events"][0]["event_type"] == "SEEN"
    assert noise["rejected"] == {
        "code": "enrich",
        "message": "the source's own enrich keeps nothing of it: dropped",
    }
    assert broken["enriched"]["fault"].startswith("ValueError at __init__.py:9 in enrich")
    text = run("plan", "--config", config, "--enrich", code, "--explain", given=events).stdout
    assert f'enrich, version {version}: enriched\n    event: "seen" -> "SEEN"' in text


@pytest.mark.parametrize(
    ("name", "source", "line"),
    [
        ("none.py", None, "is no Python module, nor a package's folder; name one with enrich()"),
        ("json.py", "", "cannot be imported under its name; rename it"),
        ("mine.py", "x = 1", "has no function enrich(event, page)"),
        ("mine.py", "import re\nre.compile('(')", "cannot be imported: PatternError at"),
        ("mine.py", "import random", "mine.py:1: import random cannot be used"),
    ],
)
def test_code_that_cannot_be_used_is_told_by_check(
    tmp_path: Path, name: str, source: str | None, line: str
) -> None:
    if source is not None:
        (tmp_path / name).write_text(source)
    done = run("check", "--config", enriched_config(tmp_path, "http://127.0.0.1:1", f'"{name}"'))
    assert done.returncode == 1
    [said] = [one for one in done.stderr.splitlines() if one.startswith("sources.shop.enrich: ")]
    assert line.replace("PatternError", "error") in said


def test_a_version_is_made_of_the_code_alone(tmp_path: Path) -> None:
    code = package(tmp_path)
    version = OwnerCode.read(code).version
    (code / "test_shop.py").write_text("# other tests")
    (code / "tests").mkdir()
    (code / "tests" / "more.py").write_text("import os")
    assert OwnerCode.read(code).version == version
    (code / "words.py").write_text(WORDS + "  ")
    assert OwnerCode.read(code).version != version
    with pytest.raises(OwnerError, match="cannot be imported under its name"):
        OwnerCode.read(ROOT / "forwarder")
