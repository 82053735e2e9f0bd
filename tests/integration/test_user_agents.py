"""User agents: the embedded engine finds what Node finds with the same package; a wheel carries it."""

import json
import random
import subprocess
import sys
import zipfile
from pathlib import Path

from forwarder.amplitude.user_agent import read_user_agent
from forwarder.javascript.packages import LIQUID, USER_AGENTS
from tests.support.processes import ROOT
from tests.vectors.stored import cases

IN_NODE = """
const Parser = require(process.argv[1]);
const texts = JSON.parse(require("fs").readFileSync(0, "utf8"));
const read = (text) => {
  const found = new Parser(text).getResult();
  const { os, browser, device } = found;
  return [os.name, browser.name, browser.major, device.vendor, device.model, device.type];
};
console.log(JSON.stringify(texts.map((text) => read(text).map((value) => value ?? null))));
"""


def varied(texts: list[str], count: int) -> list[str]:
    """Return the texts and ``count`` more, put together from their parts or with a letter changed."""
    dice = random.Random(7)
    parts = sorted({part for text in texts for part in text.replace("(", " ( ").split()})
    made = []
    for _ in range(count):
        words = dice.choice(texts).split(" ")
        for _ in range(dice.randint(1, 4)):
            words[dice.randrange(len(words))] = dice.choice(parts)
        text = " ".join(words)
        at = dice.randrange(len(text) + 1)
        made.append(text[:at] + dice.choice(["", "é", "/", ";", "0", "\n"]) + text[at + dice.randint(0, 2) :])
    return texts + made


def test_as_in_node() -> None:
    texts = varied(sorted({case["ua"] for case in cases("useragent") if case["ua"]}), 3000)
    command = ["node", "-e", IN_NODE, str(USER_AGENTS.path)]
    done = subprocess.run(command, input=json.dumps(texts), capture_output=True, text=True, check=True)
    for text, wanted in zip(texts, json.loads(done.stdout), strict=True):
        assert list(read_user_agent(text)) == wanted, text


def test_wheel_carries_the_packages(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    [wheel] = tmp_path.glob("*.whl")
    installed = tmp_path / "installed"
    zipfile.ZipFile(wheel).extractall(installed)
    script = """
from forwarder.amplitude.user_agent import parse_user_agent
from forwarder.javascript.packages import LIQUID, USER_AGENTS
from forwarder.mapping import compile_mapping
assert compile_mapping({"a": {"@liquid": "{{ b | upcase }}"}})({"b": "c"}) == {"a": "C"}
assert parse_user_agent("Mozilla/5.0 (X11; Linux x86_64; rv:153.0) Gecko/20100101 Firefox/153.0")
print(LIQUID.path, USER_AGENTS.path, sep="\\n")
"""
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=installed,
        capture_output=True,
        text=True,
        check=True,
        env={"PYTHONPATH": str(installed)},
    )
    found = [Path(line) for line in done.stdout.splitlines()]
    assert found == [installed / "forwarder" / "javascript" / one.file for one in (LIQUID, USER_AGENTS)]
