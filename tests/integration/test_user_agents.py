"""User agents: the embedded engine finds what Node finds with the same package; a wheel carries it."""

import json
import random
import subprocess

from forwarder.amplitude.user_agent import read_user_agent
from forwarder.javascript.packages import USER_AGENTS
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
