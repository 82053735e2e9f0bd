"""Host Python, the frozen module that is built and the compiled rules say the same about made-up events."""

import json
import subprocess
from pathlib import Path
from random import Random

from browser_plugin.dist import PLUGIN
from browser_plugin.entry import FAULT, handle
from browser_plugin.freeze.workload import question, written
from browser_plugin.policy import as_javascript
from tests.support.processes import ROOT

BUILT = ROOT / "dist" / "page"
SEED = 17
"""Another than the workload's: no freeze has seen these events."""
COUNT = 20_000
"""The freeze itself asks 100,000 others; here the compiled rules are asked, too."""
ASK = """
import fs from "node:fs";
import { isDeepStrictEqual } from "node:util";
import { frozenHost } from FROZEN;
import { enrich } from "./rules.mjs";
const [folder, calls] = process.argv.slice(2);
const description = JSON.parse(fs.readFileSync(`${folder}/core.json`, "utf8"));
const module = new WebAssembly.Module(fs.readFileSync(`${folder}/${description.wasm}`));
let trapped = 0, compared = 0, python = fresh();
const frozen = [], compiled = [];
function fresh() {
  const host = frozenHost();
  return host.attach(new WebAssembly.Instance(module, host.imports), description, () => trapped++);
}
function ask(text) {
  try {
    return python.call(text);
  } catch {
    python = fresh();
    return null;
  }
}
const parsed = (text) => JSON.parse(text, (_, value) => (value === 0 ? 0 : value)); // -0 is written as 0
for (const [text, answer] of JSON.parse(fs.readFileSync(calls, "utf8"))) {
  const said = ask(text);
  if (said !== null && said !== answer) frozen.push([text, said, answer]);
  if (answer === FAULT) continue;
  compared++;
  const rules = JSON.stringify(enrich(JSON.parse(text)));
  if (!isDeepStrictEqual(parsed(rules), parsed(answer))) compiled.push([text, rules, answer]);
}
const some = (all) => all.slice(0, 3);
console.log(JSON.stringify({ trapped, compared, frozen: some(frozen), compiled: some(compiled) }));
"""


def test_host_frozen_module_and_compiled_rules_answer_alike(tmp_path: Path) -> None:
    random = Random(SEED)
    texts = [written(question(random)) for _ in range(COUNT)]
    calls = tmp_path / "calls.json"
    calls.write_text(json.dumps([(text, handle(text)) for text in texts]))
    (tmp_path / "rules.mjs").write_text(as_javascript())
    frozen = json.dumps((PLUGIN / "page" / "frozen.js").as_uri())
    (tmp_path / "ask.mjs").write_text(ASK.replace("FROZEN", frozen).replace("FAULT", json.dumps(FAULT)))
    done = subprocess.run(
        ["node", tmp_path / "ask.mjs", BUILT, calls], capture_output=True, text=True, check=True
    )
    said = json.loads(done.stdout)
    assert said["frozen"] == [], "text, frozen module's answer, host's"
    assert said["compiled"] == [], "text, compiled rules' answer, host's"
    assert said["compared"] >= COUNT * 0.99
    assert said["trapped"] <= COUNT // 1_000
