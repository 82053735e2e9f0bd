"""A forwarder's operator: its metrics and its dead letters."""

import urllib.request
from collections import Counter
from pathlib import Path

from click.testing import CliRunner, Result
from prometheus_client.parser import text_string_to_metric_families

from forwarder.cli import cli
from tests.support.configuration import TOKEN
from tests.support.waiting import PATIENCE_S, used_up


def dead(config: Path, *words: str) -> str:
    """Run ``forwarder dead`` and return what it prints."""
    return command("dead", words[0], "--config", str(config), *words[1:])


def command(*words: str, given: str = "") -> str:
    """Run a command of the forwarder, which has to succeed, and return what it prints."""
    done = invoked(*words, given=given)
    assert done.exit_code == 0, done.output
    return done.stdout


def invoked(*words: str, given: str = "") -> Result:
    """Run a command of the forwarder in this process: one of its own takes a second of CPU to start."""
    done = CliRunner().invoke(cli, list(words), input=given, prog_name="forwarder")
    assert not isinstance(done.exception, Exception), "a process would have shown its traceback"
    return done


def dead_names(config: Path) -> list[str]:
    """Return the message ids of the dead letters."""
    return [line.split("\t")[4] for line in dead(config, "list").splitlines()]


def metrics(url: str) -> Counter[tuple[str, ...]]:
    """Return the metrics' values by name and label values, these in the order of the labels' names."""
    request = urllib.request.Request(f"{url}/metrics", headers={"authorization": f"Bearer {TOKEN}"})
    with urllib.request.urlopen(request, timeout=PATIENCE_S) as answer:
        text = answer.read().decode()
    found: Counter[tuple[str, ...]] = Counter()
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            found[(sample.name, *dict(sorted(sample.labels.items())).values())] = int(sample.value)
    return found


def fates(url: str, destination: str = "fake") -> Counter[str]:
    """Return how many events of a destination came to what; see that none is missing and none is twice."""
    shown = metrics(url)
    found: Counter[str] = Counter()
    for labels, value in shown.items():
        if labels[:2] == ("forwarder_delivery_events_total", destination):
            found[labels[2]] += value
    for name in ("accepted_total", "revived_total", "waiting"):
        found[name.removesuffix("_total")] = shown[f"forwarder_delivery_{name}", destination]
    ended = found["delivered"] + found["filtered"] + found["dead"]
    assert found["accepted"] == ended - found["revived"] + found["waiting"], found
    return found


def all_ended(url: str, destination: str = "fake") -> bool:
    """Wait until no event waits for a destination, as long as fewer do; tell whether it came to that."""
    return used_up(lambda: fates(url, destination)["waiting"], 2 * PATIENCE_S)
